import torch

from tests.conformance.cases import GateCase

CASE = GateCase(learns_from="nothing")


def test_another_expert_at_every_step_the_same_at_test(gate_of, draw, noise):
    gate, x = gate_of("random"), draw(60, 12)
    first, second = (gate(x, None, noise).selected_BE for _ in range(2))
    assert not torch.equal(first, second) and (first.sum(-1) == 1).all()
    gate.eval()
    assert torch.equal(gate(x, None, noise).selected_BE, gate(x, None, noise).selected_BE)
