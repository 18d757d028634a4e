import torch

from moe_lab.experiment import job
from tests.conformance.cases import GateCase

CASE = GateCase(dense=True, learns_from="scores", no_layer="has weights without gradient")


def test_the_experts_of_the_k_largest_scores_equally(gate_of, draw, noise):
    gate, x = gate_of("matching_pursuit"), draw(7, 12)
    routing = gate(x, None, noise)
    assert gate.sizes.k == 2 and ((routing.weights_BE == 0.5).sum(-1) == 2).all()
    best = gate.score(x, None, noise).topk(2).indices
    assert routing.selected_BE.gather(-1, best).all()
    torch.testing.assert_close(routing.probs_BE, gate.score(x, None, noise).softmax(-1))


def test_it_chooses_its_objective():
    assert job.prepare(["gate=matching_pursuit"]).choices["objective"] == "matching_pursuit"
