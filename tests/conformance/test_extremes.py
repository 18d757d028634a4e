"""What may break a loss, for every objective and every regularizer: a batch of one, classes that the batch lacks,
identical inputs, and gates that are as sure as floating point allows, all finite with all their gradients.

tests/conformance/test_every_gate.py has the same for every gate, with E = 1 and k = E.
"""

import pytest
import torch

from tests.conformance.cases import plain

#: inputs and labels of a batch of seven in four classes
EXTREMES = {
    "one sample": lambda x, y: (x[:1], y[:1]),
    "one class": lambda x, y: (x, y * 0 + 1),
    "identical inputs": lambda x, y: (x[:1].expand_as(x), y),
    "identical samples": lambda x, y: (x[:1].expand_as(x), y * 0),
    "saturated logits": lambda x, y: (x * 1e4, y),
    "blank inputs": lambda x, y: (x * 0, y),
}


@pytest.mark.parametrize("form", [*plain("objective"), *plain("regularizer")], ids=lambda form: form.words[0])
def test_loss_and_gradients_are_finite(learner_of, draw, noise, form):
    numbers = form.case.of_numbers
    learner = learner_of(*form.words, classes=0 if numbers else 4)
    mixture, parameters = learner.mixture, list(learner.parameters())
    for name, extreme in EXTREMES.items():
        x, y = extreme(draw(7, 12), draw(7) if numbers else torch.arange(7) % 4)
        step = mixture.step(x, y, learner(x, noise), noise)
        loss_B, losses = learner.losses(step)
        assert loss_B.isfinite().all() and losses.total.isfinite(), name
        for gradient in torch.autograd.grad(losses.total, parameters, materialize_grads=True):
            assert gradient.isfinite().all(), name
