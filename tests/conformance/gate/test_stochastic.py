import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.experiment import job
from tests.conformance.cases import GateCase


def settle(learner):
    """Losses of 1.4 are the average, and have been long."""
    learner.objective.average.fill_(1.4)
    learner.objective.norm.fill_(1.0)


CASE = GateCase(
    k_with_objective=[1], draws=True, learns_from="draw", settle=settle, no_layer="has weights without gradient"
)


def test_one_expert_drawn_in_training_the_likeliest_at_test(gate_of, draw, noise):
    gate, x = gate_of("stochastic"), draw(1, 12).expand(100_000, 12)
    routing = gate(x, None, noise)
    assert ((routing.weights_BE == 0) | (routing.weights_BE == 1)).all()
    # standard error at most .0016
    torch.testing.assert_close(routing.weights_BE.mean(0), routing.probs_BE[0], atol=0.006, rtol=0)
    answer = gate.eval()(x[:7], None, noise).weights_BE
    assert torch.equal(answer.argmax(-1), routing.logits_BE[:7].argmax(-1))


def test_it_chooses_its_objective():
    assert job.prepare(["gate=stochastic"]).choices["objective"] == "stochastic"
    with pytest.raises(ConfigError, match="draws its expert: take objective=stochastic"):
        job.prepare(["gate=stochastic", "objective=mixture"])
    with pytest.raises(ConfigError, match="take k=1"):
        job.prepare(["gate=stochastic", "k=2"])
