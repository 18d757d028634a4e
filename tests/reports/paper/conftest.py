"""The run folders of the report of arms, and what a paper makes of them."""

from collections.abc import Callable

import pytest

from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.paper.chosen import Chosen, choose
from tests.reports.arms.conftest import grid, light

__all__ = ["chosen", "grid", "light"]

#: eight errors, no two the same
EIGHT = [0.040, 0.042, 0.044, 0.046, 0.041, 0.043, 0.045, 0.047]


@pytest.fixture
def chosen(grid) -> Callable[..., Chosen]:
    """``chosen(columns=, rows=)``: softmax, an attentive gate better by a point on each of eight seeds, and one that is
    as good as that on the mean."""
    attentive = [error - 0.01 for error in EIGHT]
    errors = {"softmax": EIGHT, "attentive": attentive, "top_k": [*attentive[4:], *attentive[:4]]}
    measured = Measured(collect(grid(errors)))
    return lambda **options: choose(measured, **options)
