"""Correlation with arms and seeds as blocks, by hand, against a regression on indicators, and under the null."""

import numpy as np
import pytest
from scipy import stats

from moe_lab.statistics import partial_correlation


def test_by_hand():
    """x leaves +-1/4 of [[0, 1, 0], [1, 0, 0]] and so on: with two arms the residuals are half the difference of the
    arms' deviations. x: arm differences -1, 1, 0 (mean 0); y: -2, 1, 1 (mean 0). r = sum / root of squares =
    (2 + 1 + 0) / sqrt(2 * 6)."""
    x_AS = np.array([[0.0, 1, 0], [1, 0, 0]])
    y_AS = np.array([[0.0, 1, 1], [2, 0, 0]])
    found = partial_correlation([(x_AS, y_AS)])
    assert found.r == pytest.approx(3 / np.sqrt(12)) and found.runs == 6


def test_it_is_the_correlation_of_residuals_of_a_regression_on_arm_and_seed():
    generator = np.random.default_rng(1)
    x_AS, y_AS = generator.normal(size=(2, 4, 7))
    arm, seed = (one.ravel() for one in np.indices((4, 7)))
    design = np.column_stack([np.ones(28), *(arm == a for a in range(1, 4)), *(seed == s for s in range(1, 7))])
    left = [one.ravel() - design @ np.linalg.lstsq(design, one.ravel(), rcond=None)[0] for one in (x_AS, y_AS)]
    assert partial_correlation([(x_AS, y_AS)]).r == pytest.approx(stats.pearsonr(*left).statistic)


def test_units_and_effects_of_arm_and_seed_do_not_matter_and_tables_are_pooled():
    generator = np.random.default_rng(2)
    x_AS, y_AS = generator.normal(size=(2, 3, 10))
    moved = 5 * x_AS + generator.normal(size=(3, 1)) + generator.normal(size=10)
    one, other = partial_correlation([(x_AS, y_AS)]), partial_correlation([(moved, y_AS)])
    assert one.r == pytest.approx(other.r) and one.p == pytest.approx(other.p)
    assert partial_correlation([(x_AS, y_AS), (moved, -y_AS)]).r == pytest.approx(0)
    assert partial_correlation([(x_AS, 2 * x_AS)]).r == pytest.approx(1)
    assert partial_correlation([(x_AS, -x_AS)]).p == pytest.approx(1e-4)


def test_a_shared_effect_of_the_seed_is_no_correlation():
    """Both quantities rise with the seed, in all arms alike: plain correlation sees it, this one does not."""
    generator = np.random.default_rng(3)
    small = []
    for _ in range(200):
        seed_S = generator.normal(size=8)
        x_AS, y_AS = seed_S + generator.normal(size=(2, 2, 8))
        small.append(partial_correlation([(x_AS, y_AS)]).p <= 0.1)
    # of 200 tests at level .1: 20, sd 4.2
    assert 8 <= sum(small) <= 33


def test_what_cannot_be_correlated_is_refused():
    with pytest.raises(ValueError, match="needs a table"):
        partial_correlation([])
    with pytest.raises(ValueError, match="two arms and three seeds, and this one has 1 and 5"):
        partial_correlation([(np.ones((1, 5)), np.ones((1, 5)))])
    with pytest.raises(ValueError, match="nothing is left"):
        partial_correlation([(np.add.outer([1.0, 2], [1, 2, 4]), np.eye(2, 3))])
