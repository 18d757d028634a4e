import pytest
import torch

from moe_lab.errors import ConfigError
from tests.conformance.cases import GateCase

CASE = GateCase(forms=[["experts=mlp", "experts.count=6", "gate.score.branching=[2,3]"]])


def test_the_weights_are_the_tree(learner_of, draw, noise):
    words = ["gate=hierarchical", "experts=mlp", "experts.count=6", "gate.score.branching=[3,2]"]
    gate, x = learner_of(*words).mixture.gate, draw(7, 12)
    routing = gate(x, None, noise)
    torch.testing.assert_close(routing.weights_BE, gate.score(x, None, noise).exp())
    torch.testing.assert_close(routing.log_weights_BE, gate.score(x, None, noise))


def test_the_leaves_must_be_the_experts(learner_of):
    with pytest.raises(ConfigError, match="6 leaves, and experts.count=5"):
        learner_of("gate=hierarchical", "gate.score.branching=[2,3]")


def test_it_can_be_cut_to_k(gate_of, draw, noise):
    routing = gate_of("hierarchical", k=2)(draw(7, 12), None, noise)
    assert (routing.selected_BE.sum(-1) == 2).all()
    torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(7))
