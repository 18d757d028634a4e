import torch

from moe_lab.parts.gates.select.capacity import BatchPrioritized
from tests.conformance.cases import GateCase

CASE = GateCase(selects_k=False, mixes="never", batch_dependent={"training"}, forms=[["gate.select.min_capacity=1"]])


def test_p_of_the_full_softmax_where_there_is_room(gate_of, draw, noise):
    gate, x = gate_of("batch_prioritized"), draw(40, 12)
    assert isinstance(gate.select, BatchPrioritized) and gate.sizes.k == 2
    routing, p = gate(x, None, noise), gate.score(x, None, noise).softmax(-1)
    kept = routing.selected_BE
    torch.testing.assert_close(routing.weights_BE, p * kept)
    assert (kept.sum(0) <= 17).all()  # ceil(1.05 * 2 * 40 / 5) = 16.8
    dropped = 80 - kept.sum()
    assert dropped > 0
    torch.testing.assert_close(routing.extras["overflow_B"].sum(), dropped / 2)
