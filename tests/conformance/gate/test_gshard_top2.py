import torch

from moe_lab.parts.checks import combine_rule
from moe_lab.parts.gates.select.capacity import GShard
from tests.conformance.cases import GateCase

CASE = GateCase(
    k=[1, 2],
    selects_k=False,
    mixes="never",
    batch_dependent={"training"},
    forms=[["gate.select.min_capacity=1"], ["gate.select.min_capacity=1", "gate.select.second=mesh"]],
)


def test_two_renormalized_weights_of_which_the_second_may_be_missing(gate_of, draw, noise):
    gate, x = gate_of("gshard_top2"), draw(64, 12)
    assert isinstance(gate.select, GShard) and combine_rule(gate) == "logits"
    routing, best = gate(x, None, noise), gate.score(x, None, noise).topk(2)
    g = best.values.softmax(-1)
    second = routing.weights_BE.gather(-1, best.indices[:, 1:]).squeeze(-1)
    first = routing.weights_BE.gather(-1, best.indices[:, :1]).squeeze(-1)
    # the first keeps g1 = p1 / (p1 + p2), whether or not the second stays
    kept_first, kept_second = first > 0, second > 0
    torch.testing.assert_close(first[kept_first], g[kept_first, 0])
    torch.testing.assert_close(second[kept_second], g[kept_second, 1])
    assert 0 < kept_second.sum() < 64


def test_evaluation_is_top_2(gate_of, draw, noise):
    gate, x = gate_of("gshard_top2").eval(), draw(7, 12)
    routing, logits = gate(x, None, noise), gate.score(x, None, noise)
    expected = torch.zeros(7, 5).scatter(-1, logits.topk(2).indices, logits.topk(2).values.softmax(-1))
    torch.testing.assert_close(routing.weights_BE, expected)
    assert routing.extras["overflow_B"].sum() == 0
