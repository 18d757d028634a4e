"""arXiv:2605.12476: the nearest centroid by the cosine."""

import numpy as np
import torch

from tests.conformance.cases import GateCase

CASE = GateCase(learns_from="nothing", forms=[["gate.score.tau=1.0"]])


def test_the_nearest_centroid_is_chosen(gate_of, draw, noise):
    gate, x = gate_of("kmeans"), draw(60, 12)
    routing, m = gate(x, None, noise), gate.score.centroid_ED.numpy()
    unit, to = x.numpy(), m / np.linalg.norm(m, axis=1, keepdims=True)
    cosines = unit @ to.T / np.linalg.norm(unit, axis=1, keepdims=True)
    assert np.array_equal(routing.selected_BE.numpy().argmax(1), cosines.argmax(1))
    expected = torch.from_numpy(cosines / 0.1).softmax(-1).amax(-1)
    torch.testing.assert_close(routing.weights_BE.amax(-1), expected, rtol=1e-4, atol=1e-5)
