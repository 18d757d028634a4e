import torch

from moe_lab.parts.gates.select.sinkhorn import log_plan
from tests.conformance.cases import GateCase

CASE = GateCase(mixes="never", batch_dependent={"training"})


def test_the_plans_choice_in_training_the_best_score_at_test(gate_of, draw, noise):
    gate, x = gate_of("sinkhorn"), draw(20, 12)
    routing, z = gate(x, None, noise), gate.score(x, None, noise)
    chosen = log_plan(z, 20).argmax(-1)
    torch.testing.assert_close(routing.weights_BE.sum(-1), z.gather(-1, chosen.unsqueeze(-1)).squeeze(-1).sigmoid())
    assert torch.equal(routing.selected_BE.int().argmax(-1), chosen)
    assert torch.equal(gate.eval()(x, None, noise).selected_BE.int().argmax(-1), z.argmax(-1))
