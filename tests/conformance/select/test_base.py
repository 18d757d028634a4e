"""arXiv:2103.16716: the balanced assignment of the largest total score, in training only."""

from itertools import product

import numpy as np
import pytest
import torch

from moe_lab.parts.gates.select.base import Base, balanced
from moe_lab.parts.roles import Sizes
from tests.conformance.cases import SelectCase

CASE = SelectCase(k=[1])


@pytest.mark.parametrize(("samples", "experts"), [(6, 3), (7, 3), (2, 3), (1, 3), (5, 1), (6, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_all_balanced_assignments(samples, experts, seed):
    """Against every assignment there is whose loads differ by at most one."""
    scores = np.random.default_rng(seed).normal(size=(samples, experts))
    loads = lambda one: np.bincount(one, minlength=experts)  # noqa: E731
    fair = [one for one in product(range(experts), repeat=samples) if np.ptp(loads(np.array(one))) <= 1]
    best = max(scores[np.arange(samples), one].sum() for one in fair)
    found = balanced(scores)
    assert np.ptp(loads(found)) <= 1
    assert scores[np.arange(samples), found].sum() == pytest.approx(best)


def test_a_collapsed_gate_is_balanced_all_the_same():
    scores = np.tile([1e6, 0.0, 0.0, 0.0, 0.0], (23, 1))
    assert sorted(np.bincount(balanced(scores))) == [4, 4, 5, 5, 5]


def test_a_diverged_gate_is_no_crash():
    scores = np.array([[np.nan, 0.0], [np.inf, 1.0], [0.0, -np.inf], [0.0, 0.0]])
    assert np.bincount(balanced(scores)).tolist() == [2, 2]


def test_greedy_at_test(draw):
    part, logits = Base(Sizes((2,), 4, 5, 1)), draw(20, 5) + torch.tensor([9.0, 0, 0, 0, 0])
    assert part(logits, None).sum(0).tolist() == [4] * 5
    assert part.eval()(logits, None).sum(0).tolist() == [20, 0, 0, 0, 0]
    assert part.batch_dependent == {"training"}


def test_runs_of_a_stack_are_assigned_each_by_itself(draw):
    part, logits = Base(Sizes((2,), 4, 5, 1)), draw(2, 3, 10, 5)
    together = part(logits, None)
    for i, j in product(range(2), range(3)):
        assert torch.equal(together[i, j], part(logits[i, j], None))
