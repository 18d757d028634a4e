import torch

from tests.conformance.cases import GateCase

CASE = GateCase(
    numbers=["gate.weigh.alpha=1.2"],
    selects_k=False,
    grows=True,
    forms=[["gate.weigh.alpha=1.2", "gate.weigh.temperature=0.1"]],
)


def test_between_softmax_and_sparsemax(gate_of, draw, noise):
    """On the same scores it gives weight to at least as many experts as sparsemax, and at most as many as softmax."""
    x = draw(99, 12) * 3
    counts = [
        gate_of(name)(x, None, noise).selected_BE.sum(-1).float().mean().item()
        for name in ("sparsemax", "entmax", "softmax")
    ]
    assert counts == sorted(counts) and counts[2] == 5


def test_rows_sum_to_one_and_zeros_are_not_selected(gate_of, draw, noise):
    routing = gate_of("entmax")(draw(99, 12) * 10, None, noise)
    torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(99))
    assert torch.equal(routing.weights_BE > 0, routing.selected_BE) and not routing.selected_BE.all()
    assert torch.equal(routing.log_weights_BE > -torch.inf, routing.selected_BE)
