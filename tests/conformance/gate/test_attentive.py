import torch

from moe_lab.routing.outputs import ExpertOutput
from tests.conformance.cases import GateCase

CASE = GateCase(
    structure=["gate.score.key=post"], dense=True, grows=True, forms=[["gate.score.query=post", "gate.score.key=post"]]
)


def test_softmax_over_attention_scores(gate_of, draw, noise):
    gate, x, experts = gate_of("attentive"), draw(7, 12), ExpertOutput(None, draw(7, 5, 6))
    assert gate.traits.reads_experts and gate.sizes.k == 5
    routing = gate(x, experts, noise)
    torch.testing.assert_close(routing.weights_BE, gate.score(x, experts, noise).softmax(-1))


def test_k_of_two(gate_of, draw, noise):
    routing = gate_of("attentive", k=2)(draw(7, 12), ExpertOutput(None, draw(7, 5, 6)), noise)
    assert (routing.selected_BE.sum(-1) == 2).all()
    torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(7))


def test_permuting_experts_permutes_the_weights(gate_of, draw, noise):
    gate, x, hidden = gate_of("attentive"), draw(7, 12), draw(7, 5, 6)
    order = torch.tensor([3, 0, 4, 1, 2])
    weights = gate(x, ExpertOutput(None, hidden), noise).weights_BE
    torch.testing.assert_close(gate(x, ExpertOutput(None, hidden[:, order]), noise).weights_BE, weights[:, order])
