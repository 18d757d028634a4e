import torch

from moe_lab.parts.gates.score.cosine import PerturbedCosine
from tests.conformance.cases import GateCase

CASE = GateCase(grows=True)


def test_softmax_over_the_two_largest_scores(gate_of, draw, noise):
    gate, x = gate_of("perturbed_cosine"), draw(7, 12)
    assert type(gate.score) is PerturbedCosine and gate.sizes.k == 2
    routing, top = gate(x, None, noise), gate.score(x, None, noise).topk(2)
    expected = torch.zeros(7, 5).scatter(-1, top.indices, top.values.softmax(-1))
    torch.testing.assert_close(routing.weights_BE, expected)
