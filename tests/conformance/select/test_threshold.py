"""arXiv:2603.11535, eq. 4: every expert whose score passes its cutoff."""

import torch

from moe_lab.parts.gates.select.threshold import Threshold
from moe_lab.parts.roles import Sizes
from tests.conformance.cases import SelectCase

CASE = SelectCase(by_logit=False)


def test_by_hand():
    part = Threshold(Sizes((2,), 4, 3, 1))
    logits = torch.tensor([[0.5, -1.0, 2.0], [-0.5, 0.0, -2.0]])
    # at first whoever is positive
    assert part(logits, None).tolist() == [[True, False, True], [False, False, False]]
    assert "cutoff_1E" not in part.state_dict()
    part.cutoff_1E.copy_(torch.tensor([[1.0, -0.5, 2.0]]))
    # equal to its cutoff is not above it
    assert part(logits, None).tolist() == [[False, False, False], [False, True, False]]
