"""arXiv:2603.11535: sigmoid(z) where z passes the expert's cutoff."""

import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(selects_k=False, mixes="never", grows=True)


def test_by_hand(gate_of, noise):
    gate = gate_of("expert_threshold")
    gate.select.cutoff_1E.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0, -1.0]]))
    routing = gate.route(torch.tensor([[0.5, 1.0, -1.0, 0.0, -0.5]]), noise)
    # 1 / (1 + e^-1) and 1 / (1 + e^.5)
    torch.testing.assert_close(routing.weights_BE, torch.tensor([[0.0, 0.731059, 0.0, 0.0, 0.377541]]))
    assert combine_rule(gate) == "logits" and not gate.traits.selects_k


def test_rows_do_not_see_each_other(gate_of, draw, noise):
    gate, x = gate_of("expert_threshold"), draw(20, 12)
    whole, alone = gate(x, None, noise), gate(x[:1], None, noise)
    assert torch.equal(whole.selected_BE[:1], alone.selected_BE)
    assert not gate.traits.batch_dependent
