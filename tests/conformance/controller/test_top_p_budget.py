import pytest
import torch

from tests.conformance.cases import Case

CASE = Case(
    needs=["gate=top_p"],
    numbers=["controllers.top_p_budget.gain=0.5", "controllers.top_p_budget.integral=0.5"],
)


def test_by_hand(learner_of, step_of):
    words = [f"controllers.top_p_budget.{word}" for word in ("start=0.5", "gain=0.2", "integral=0.1")]
    learner = learner_of("gate=top_p", "experts.count=4", "k=2", "controller=[top_p_budget]", *words)
    controller, gate = learner.controllers["top_p_budget"], learner.mixture.gate
    controller.before_step(gate, torch.tensor(0.0))
    assert gate.select.mass_11.item() == 0.5
    with torch.no_grad():
        # a mean of 1, and 2 are asked for: e = 1 / 4; s = .5 + .1 / 4, p = s + .2 / 4
        controller.after_step(step_of(gate=gate, selected_BE=torch.eye(4).bool()))
        assert controller.sum.item() == pytest.approx(0.525)
        assert gate.select.mass_11.item() == pytest.approx(0.575)
        # a mean of 4: e = -1 / 2; s = .525 - .05, p = s - .1
        controller.after_step(step_of(gate=gate, selected_BE=torch.ones(4, 4).bool()))
    assert gate.select.mass_11.item() == pytest.approx(0.375)
    assert controller.readings()["active_experts"].item() == 4


@pytest.mark.parametrize("scale", [0.3, 4.0])
def test_it_brings_the_mean_number_to_k(learner_of, draw, noise, scale):
    """However sure the gate is; the scores stay as they are."""
    learner = learner_of("gate=top_p", "k=2", "controller=[top_p_budget]")
    learner.mixture.gate.score.head.weight_IO.data *= scale
    x = draw(200, 12)
    with torch.no_grad():
        for _ in range(400):
            output = learner(x, noise)
            learner.after_step(learner.mixture.step(x, None, output, noise), None)
    active = learner(x, noise).routing.selected_BE.sum(-1)
    assert active.double().mean().item() == pytest.approx(2, abs=0.1)
    # a gate that is sure of nothing gives all samples two
    assert (len(active.unique()) > 1) == (scale > 1)
