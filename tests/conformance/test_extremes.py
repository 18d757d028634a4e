"""What may break a loss, for every objective and every regularizer: a batch of one, classes that the batch lacks,
identical inputs, and gates that are as sure as floating point allows, all finite with all their gradients.

tests/conformance/test_every_gate.py has the same for every gate, with E = 1 and k = E.
"""

import pytest
import torch

from moe_lab.config.compose import options

#: words without which an option is refused
NEEDS = {
    "objective=expert_loss": ["gate=expert_loss"],
    "objective=loudest": ["gate=loudest"],
    "objective=matching_pursuit": ["gate=matching_pursuit"],
    "objective=peeking": ["gate=uniform"],
    "objective=stochastic": ["gate=stochastic"],
    "objective=mixture_density": ["experts=gaussian", "experts.count=5", "experts.hidden=6"],
    "regularizer=[load]": ["gate=noisy_top_k"],
    "regularizer=[l1]": ["gate=relu"],
    "regularizer=[l0]": ["gate=hard_concrete"],
    "regularizer=[selector_entropy]": ["gate=dselect_k"],
    "regularizer=[switch_balance]": ["k=2"],
}
WORDS = [f"objective={one}" for one in options("objective")]
WORDS += [f"regularizer=[{one}]" for one in options("regularizer")]
#: inputs and labels of a batch of seven in four classes
EXTREMES = {
    "one sample": lambda x, y: (x[:1], y[:1]),
    "one class": lambda x, y: (x, y * 0 + 1),
    "identical inputs": lambda x, y: (x[:1].expand_as(x), y),
    "identical samples": lambda x, y: (x[:1].expand_as(x), y * 0),
    "saturated logits": lambda x, y: (x * 1e4, y),
    "blank inputs": lambda x, y: (x * 0, y),
}


@pytest.mark.parametrize("word", WORDS)
def test_loss_and_gradients_are_finite(learner_of, draw, noise, word):
    numbers = word == "objective=mixture_density"
    learner = learner_of(word, *NEEDS.get(word, []), classes=0 if numbers else 4)
    mixture, parameters = learner.mixture, list(learner.parameters())
    for name, extreme in EXTREMES.items():
        x, y = extreme(draw(7, 12), draw(7) if numbers else torch.arange(7) % 4)
        step = mixture.step(x, y, learner(x, noise), noise)
        loss_B, losses = learner.losses(step)
        assert loss_B.isfinite().all() and losses.total.isfinite(), name
        for gradient in torch.autograd.grad(losses.total, parameters, materialize_grads=True):
            assert gradient.isfinite().all(), name
