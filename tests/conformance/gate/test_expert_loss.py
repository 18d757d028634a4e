import torch

from moe_lab.experiment import job
from tests.conformance.cases import GateCase

CASE = GateCase(dense=True, learns_from="scores", no_layer="has weights without gradient")


def test_the_expert_of_the_largest_score_alone(gate_of, draw, noise):
    gate, x = gate_of("expert_loss"), draw(7, 12)
    weights = gate(x, None, noise).weights_BE
    assert gate.sizes.k == 1 and (weights.sum(-1) == 1).all()
    assert torch.equal(weights.argmax(-1), gate.score(x, None, noise).argmax(-1))


def test_it_chooses_its_objective():
    assert job.prepare(["gate=expert_loss"]).choices["objective"] == "expert_loss"
    # the scores may also be taught what matching pursuit picks: the winner takes all
    winner = job.prepare(["gate=expert_loss", "objective=matching_pursuit"])
    assert winner.key == job.prepare(["gate=matching_pursuit", "k=1"]).key
