import torch

from tests.conformance.cases import GateCase

CASE = GateCase(
    structure=["gate.weigh.over=all"],
    grows=True,
    forms=[["gate.weigh.over=all"], ["gate/weigh=sigmoid", "gate.weigh.renormalize=true"]],
)


def test_softmax_over_the_two_largest_scores(gate_of, draw, noise):
    gate, x = gate_of("top_k"), draw(7, 12)
    assert gate.sizes.k == 2
    routing, logits = gate(x, None, noise), gate.score(x, None, noise)
    for b in range(7):
        best = sorted(range(5), key=lambda e: -logits[b, e].item())[:2]
        assert routing.selected_BE[b].nonzero().flatten().tolist() == sorted(best)
        torch.testing.assert_close(routing.weights_BE[b, best], logits[b, best].softmax(-1))
    torch.testing.assert_close(routing.probs_BE, logits.softmax(-1))


def test_of_all_experts_it_is_the_softmax_gate(gate_of, draw, noise):
    x = draw(7, 12)
    torch.testing.assert_close(
        gate_of("top_k", k=5)(x, None, noise).weights_BE, gate_of("softmax")(x, None, noise).weights_BE
    )
