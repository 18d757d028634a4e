"""arXiv:2403.07652: weights are p of the softmax over all, of the experts that gather the mass."""

import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(selects_k=False, mixes="never", grows=True, forms=[["gate.select.mass=0.9"]])


def test_by_hand(gate_of, noise):
    gate = gate_of("top_p")
    p = torch.tensor([[0.3, 0.25, 0.2, 0.15, 0.1], [0.8, 0.05, 0.05, 0.05, 0.05]])
    routing = gate.route(p.log(), noise)
    torch.testing.assert_close(routing.weights_BE, torch.tensor([[0.3, 0.25, 0, 0, 0], [0.8, 0, 0, 0, 0]]))
    torch.testing.assert_close(routing.probs_BE, p)
    assert combine_rule(gate) == "logits" and not gate.traits.selects_k


def test_a_surer_gate_takes_fewer(gate_of, draw, noise):
    gate, x = gate_of("top_p"), draw(60, 12)
    logits = gate.score(x, None, noise)
    counts = [gate.route(scale * logits, noise).selected_BE.sum(-1).float().mean() for scale in (0.0, 1.0, 9.0)]
    assert counts[0] == 2 and counts[0] >= counts[1] > counts[2] >= 1
