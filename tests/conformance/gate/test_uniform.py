import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(k=[5], steps=False, learns_from="nothing")


def test_the_mean_of_all_experts(learner_of, draw, noise):
    mixture, x = learner_of("gate=uniform").mixture, draw(7, 12)
    output = mixture(x, noise)
    torch.testing.assert_close(output.routing.weights_BE, torch.full((7, 5), 0.2))
    torch.testing.assert_close(output.log_probs_BC.exp(), output.experts.log_probs_BEC.exp().mean(-2))
    assert combine_rule(mixture.gate) == "probabilities"


def test_fewer_than_all_is_refused(gate_of):
    with pytest.raises(ConfigError, match="cannot use k=2: take k=5"):
        gate_of("uniform", k=2)
