"""arXiv:2412.14711: y = sum of relu(z_e) f_e over the experts with z_e > 0."""

import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(selects_k=False, mixes="never", grows=True)


def test_whoever_is_positive_is_selected(gate_of, draw, noise):
    gate, x = gate_of("relu"), draw(60, 12)
    assert not gate.traits.selects_k and combine_rule(gate) == "logits"
    routing, z = gate(x, None, noise), gate.score(x, None, noise)
    torch.testing.assert_close(routing.weights_BE, z.clamp(min=0))
    assert torch.equal(routing.selected_BE, z > 0)
    assert len(routing.selected_BE.sum(-1).unique()) > 1


def test_of_the_k_largest_whoever_is_positive(gate_of, draw, noise):
    gate, x = gate_of("relu", k=2), draw(60, 12)
    routing, z = gate(x, None, noise), gate.score(x, None, noise)
    top = z.topk(2)
    expected = torch.zeros(60, 5).scatter(-1, top.indices, top.values.clamp(min=0))
    torch.testing.assert_close(routing.weights_BE, expected)


def test_a_sample_that_nobody_wants_gets_an_even_answer(learner_of, draw, noise):
    mixture = learner_of("gate=relu").mixture
    mixture.gate.score.head.bias_1O.data.fill_(-1e3)
    output = mixture(draw(7, 12), noise)
    assert not output.routing.selected_BE.any()
    torch.testing.assert_close(output.log_probs_BC.exp(), torch.full((7, 4), 0.25))
