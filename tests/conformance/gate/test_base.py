import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(k=[1], batch_dependent={"training"})


def test_balanced_in_training_best_at_test_weighed_by_the_sigmoid(gate_of, draw, noise):
    gate, x = gate_of("base"), draw(20, 12)
    assert gate.sizes.k == 1 and combine_rule(gate) == "logits"
    routing, z = gate(x, None, noise), gate.score(x, None, noise)
    assert (routing.selected_BE.sum(0) == 4).all()
    torch.testing.assert_close(routing.weights_BE, z.sigmoid() * routing.selected_BE)
    assert torch.equal(gate.eval()(x, None, noise).selected_BE.int().argmax(-1), z.argmax(-1))
