import torch

from tests.conformance.cases import GateCase

CASE = GateCase(
    structure=["gate.combine=logits"],
    numbers=["gate.weigh.temperature=2.0"],
    grows=True,
    forms=[
        ["gate/score=linear"],
        ["gate.weigh.temperature=2.0"],
        ["gate/score/body=conv", "gate.score.body.filters=[2,3]", "gate.score.body.padding=1"],
        ["gate/score/body=conv", "gate.score.body.padding=1", "gate.score.body.batch_norm=[0]"],
    ],
)


def test_every_expert_weighted_by_the_softmax_of_its_score(gate_of, draw, noise):
    gate, x = gate_of("softmax"), draw(7, 12)
    routing = gate(x, None, noise)
    expected = gate.score(x, None, noise).softmax(-1)
    torch.testing.assert_close(routing.probs_BE, expected)
    torch.testing.assert_close(routing.weights_BE, expected)
    assert routing.selected_BE.all() and gate.sizes.k == 5
    assert not gate.traits.reads_experts


def test_k_of_two_selects_two(gate_of, draw, noise):
    routing = gate_of("softmax", k=2)(draw(7, 12), None, noise)
    assert (routing.selected_BE.sum(-1) == 2).all()
