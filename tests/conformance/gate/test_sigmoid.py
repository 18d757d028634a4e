"""arXiv:2408.15664: the bias decides who is selected and never enters a weight."""

import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(mixes="never", grows=True, forms=[["gate.select.score=softmax"], ["gate/select=expert_choice"]])


def test_two_sigmoids(gate_of, draw, noise):
    gate, x = gate_of("sigmoid"), draw(7, 12)
    assert combine_rule(gate) == "logits" and gate.sizes.k == 2
    routing, z = gate(x, None, noise), gate.score(x, None, noise)
    top = z.topk(2)
    torch.testing.assert_close(routing.weights_BE, torch.zeros(7, 5).scatter(-1, top.indices, top.values.sigmoid()))
    torch.testing.assert_close(routing.probs_BE, z.sigmoid() / z.sigmoid().sum(-1, keepdim=True))


def test_the_bias_enters_the_selection_never_the_weight(gate_of, draw, noise):
    gate, x = gate_of("sigmoid"), draw(7, 12)
    before = gate(x, None, noise)
    gate.select.selection_bias_1E.copy_(torch.tensor([[0.0, 0.0, 0.0, 0.0, 2.0]]))
    routing, z = gate(x, None, noise), gate.score(x, None, noise)
    assert routing.selected_BE[:, 4].all() and not before.selected_BE[:, 4].all()
    torch.testing.assert_close(routing.weights_BE, z.sigmoid() * routing.selected_BE)
    torch.testing.assert_close(routing.probs_BE, before.probs_BE)


def test_renormalized_weights_mix_probabilities(learner_of):
    gate = learner_of("gate=sigmoid", "gate.weigh.renormalize=true").mixture.gate
    assert gate.traits.rows_sum_to_one and combine_rule(gate) == "probabilities"
