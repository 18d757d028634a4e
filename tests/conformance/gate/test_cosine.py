import torch

from moe_lab.parts.gates.score.cosine import Cosine
from tests.conformance.cases import GateCase

CASE = GateCase(grows=True, forms=[["gate.score.learn_tau=false"]])


def test_softmax_over_the_two_largest_scores(gate_of, draw, noise):
    gate, x = gate_of("cosine"), draw(7, 12)
    assert type(gate.score) is Cosine and gate.sizes.k == 2
    routing, top = gate(x, None, noise), gate.score(x, None, noise).topk(2)
    expected = torch.zeros(7, 5).scatter(-1, top.indices, top.values.softmax(-1))
    torch.testing.assert_close(routing.weights_BE, expected)
