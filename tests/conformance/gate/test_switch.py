import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(
    grows=True, forms=[["gate/select=capacity", "gate.select.min_capacity=1", "gate.select.capacity_factor=0.7"]]
)


def test_the_best_expert_weighted_by_its_p(gate_of, draw, noise):
    gate, x = gate_of("switch"), draw(7, 12)
    assert gate.sizes.k == 1 and combine_rule(gate) == "logits" and not gate.traits.rows_sum_to_one
    routing, p = gate(x, None, noise), gate.score(x, None, noise).softmax(-1)
    top, index = p.max(-1)
    torch.testing.assert_close(routing.weights_BE.sum(-1), top)
    assert torch.equal(routing.weights_BE.argmax(-1), index) and (routing.selected_BE.sum(-1) == 1).all()
