import numpy as np
import pytest
import torch

from moe_lab.parts.controllers.expert_cutoff import ExpertCutoff
from moe_lab.parts.roles import Sizes
from tests.conformance.cases import Case

CASE = Case(needs=["gate=expert_threshold"], numbers=["controllers.expert_cutoff.decay=0.5"])


def test_by_hand(learner_of, step_of):
    words = ["gate=expert_threshold", "experts.count=2", "k=1", "controller=[expert_cutoff]"]
    learner = learner_of(*words, "controllers.expert_cutoff.decay=0.75")
    controller, gate = learner.controllers["expert_cutoff"], learner.mixture.gate
    first = torch.tensor([[4.0, 1.0], [3.0, 5.0], [2.0, 7.0], [1.0, 3.0]])
    with torch.no_grad():
        # half of four samples: the second largest, 3 and 5, are the first mean
        controller.after_step(step_of(gate=gate, logits_BE=first))
        assert gate.select.cutoff_1E.tolist() == [[3.0, 5.0]]
        # 6 and 4: the mean of two, (3 + 6) / 2 and (5 + 4) / 2, as 1 / 2 is more than 1 - .75
        controller.after_step(step_of(gate=gate, logits_BE=torch.tensor([[6.0, 4.0]] * 4)))
        assert gate.select.cutoff_1E.tolist() == [[4.5, 4.5]]
        for _ in range(2):
            controller.after_step(step_of(gate=gate, logits_BE=torch.tensor([[4.5, 4.5]] * 4)))
        # from the fourth step on a quarter: 4.5 + .25 * 4
        controller.after_step(step_of(gate=gate, logits_BE=torch.tensor([[8.5, 8.5]] * 4)))
    assert gate.select.cutoff_1E.tolist() == [[5.5, 5.5]]
    assert {name: one.item() for name, one in controller.readings().items()} == {"cutoff_0": 5.5, "cutoff_1": 5.5}


def test_cutoffs_are_quantiles(step_of):
    """Of normal scores of three means and widths: NumPy's quantile of the distribution that the batches are from."""
    draw, sizes = torch.Generator().manual_seed(0), Sizes((2,), 4, 3, 1)
    controller, mean, width = ExpertCutoff(sizes), torch.tensor([0.0, 2.0, -1.0]), torch.tensor([1.0, 0.5, 3.0])
    with torch.no_grad():
        for _ in range(200):
            logits = mean + width * torch.randn(60, 3, generator=draw)
            controller.after_step(step_of(gate=torch.nn.Identity(), logits_BE=logits))
    many = (mean + width * torch.randn(100_000, 3, generator=draw)).numpy()
    apart = (controller.cutoff_1E[0].numpy() - np.quantile(many, 1 - 1 / 3, axis=0)) / width.numpy()
    assert np.abs(apart).max() < 0.08


def test_a_sample_gets_k_experts_on_average(learner_of, draw, noise):
    learner = learner_of("gate=expert_threshold", "k=2", "controller=[expert_cutoff]")
    x = draw(300, 12)
    with torch.no_grad():
        for at in range(0, 300, 30):
            output = learner(x[at : at + 30], noise)
            learner.after_step(learner.mixture.step(x[at : at + 30], None, output, noise), None)
    load = learner(x, noise).routing.selected_BE.double().mean(0)
    assert load.sum().item() == pytest.approx(2, abs=0.25)
    assert (load - 0.4).abs().max() < 0.12
