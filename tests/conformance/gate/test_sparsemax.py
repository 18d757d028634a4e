import torch

from moe_lab.experiment import job
from tests.conformance.cases import GateCase

CASE = GateCase(selects_k=False, grows=True, forms=[["gate.weigh.over=all", "k=2"]])


def test_as_many_experts_as_the_scores_call_for(gate_of, draw, noise):
    gate, x = gate_of("sparsemax"), draw(99, 12) * 3
    routing = gate(x, None, noise)
    counts = routing.selected_BE.sum(-1)
    assert gate.sizes.k == 5 and not gate.traits.selects_k and counts.min() < counts.max()
    assert torch.equal(routing.weights_BE > 0, routing.selected_BE)
    torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(99))
    torch.testing.assert_close(routing.probs_BE, routing.weights_BE)


def test_k_bounds_them(gate_of, draw, noise):
    routing = gate_of("sparsemax", k=2)(draw(99, 12), None, noise)
    assert routing.selected_BE.sum(-1).max() == 2
    torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(99))
    one = gate_of("sparsemax", k=1)(draw(99, 12), None, noise)
    assert (one.selected_BE.sum(-1) == 1).all()
    torch.testing.assert_close(one.weights_BE.amax(-1), one.probs_BE.amax(-1))


def test_it_is_entmax_with_alpha_two():
    entmax = job.prepare(["gate=entmax", "gate.weigh.alpha=2"])
    assert job.prepare(["gate=sparsemax"]).key == entmax.key != job.prepare(["gate=entmax"]).key
