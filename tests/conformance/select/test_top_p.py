"""arXiv:2403.07652: the fewest experts whose probabilities gather p."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.parts.gates.select.top_p import TopP
from moe_lab.parts.roles import Sizes
from tests.conformance.cases import SelectCase

CASE = SelectCase(by_logit=False, forms=[["gate.select.mass=0.9"]])

ROWS = torch.tensor([[0.1, 0.6, 0.25, 0.05], [0.25, 0.25, 0.25, 0.25]]).log()


def chosen(mass, logits=ROWS):
    part = TopP(Sizes((2,), 4, logits.shape[-1], 2), mass=mass)
    return [row.nonzero().flatten().tolist() for row in part(logits, None)]


@pytest.mark.parametrize(
    ("mass", "expected"),
    [
        (0.4, [[1], [0, 1]]),
        (0.6, [[1], [0, 1, 2]]),
        # .6 + .25 = .85 is enough for .8, not for .9
        (0.8, [[1, 2], [0, 1, 2, 3]]),
        (0.9, [[0, 1, 2], [0, 1, 2, 3]]),
        (1.0, [[0, 1, 2, 3], [0, 1, 2, 3]]),
    ],
)
def test_by_hand(mass, expected):
    # a hair below, so that sums of decimals that round up do not decide
    assert chosen(mass - 1e-4) == expected


def test_an_expert_that_is_not_there_is_never_chosen():
    assert chosen(1.0, torch.tensor([[0.0, -torch.inf, 0.0]])) == [[0, 2]]


@given(st.integers(1, 6), st.floats(0.05, 1.0), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_it_is_the_smallest_set_that_gathers_the_mass(experts, mass, seed):
    logits = torch.randn(5, experts, generator=torch.Generator().manual_seed(seed)).double()
    for row, p in zip(chosen(mass, logits), logits.softmax(-1).tolist(), strict=True):
        largest = sorted(range(experts), key=lambda e, p=p: -p[e])[: len(row)]
        assert sorted(largest) == row and row
        assert sum(p[e] for e in largest) >= mass - 1e-9
        assert sum(p[e] for e in largest[:-1]) < mass + 1e-9
