import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_lab.metrics.formulas import mutual_information_bits
from moe_lab.statistics.documents import (
    groups_of,
    jackknife,
    least_label_p,
    least_swap_p,
    length_strata,
    orders,
    permutation_p,
    step_down_max_t,
    swapped,
)


def test_orders_are_permutations_and_follow_from_the_seed():
    first, again, other = (list(orders(7, 5, seed)) for seed in (1, 1, 2))
    assert all(sorted(order) == list(range(7)) for order in first)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 99))
def test_documents_change_places_within_their_stratum(strata, seed):
    stratum_D = np.array(strata)
    [order] = orders(len(strata), 1, seed)
    source_D = swapped(order, stratum_D)
    assert sorted(source_D) == list(range(len(strata)))
    assert np.array_equal(stratum_D[source_D], stratum_D)


def test_one_stratum_is_the_order_itself():
    [order] = orders(9, 1, 0)
    assert np.array_equal(swapped(order, np.zeros(9, dtype=int)), order)


def test_strata_join_documents_of_nearly_equal_length():
    # 5 documents and 2 neighbours: the two shortest, then three, for the fifth has no pair of its own
    assert length_strata(np.array([9, 1, 5, 3, 7]), 2).tolist() == [1, 0, 1, 0, 1]
    assert length_strata(np.array([4, 2]), 20).tolist() == [0, 0]


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2]])
def test_the_least_p_of_labels_is_that_of_all_arrangements(labels):
    """Documents that each use experts of their own label alone: no arrangement can be more informative."""
    label_D = np.array(labels)

    def bits(label_D):
        table_GE = np.zeros((3, 3))
        np.add.at(table_GE, (label_D, np.array(labels)), 1)
        return mutual_information_bits(table_GE)

    # documents of one label use the same expert here, so that swapping equal ones is no news either
    arrangements = [bits(np.array(one)) for one in itertools.permutations(labels)]
    as_large = sum(one >= bits(label_D) - 1e-12 for one in arrangements)
    assert least_label_p(label_D) == pytest.approx(as_large / math.factorial(len(labels)))


def test_the_least_p_of_swapping_by_hand():
    # 2! 3! ways
    assert least_swap_p(np.array([0, 0, 1, 1, 1])) == pytest.approx(1 / 12)


def test_permutation_p_by_hand():
    # of 4 permutations two reach 2: (1 + 2) / (1 + 4); rounding is no difference
    assert permutation_p(2.0, np.array([1.0, 2.0 - 1e-15, 3.0, 0.0])) == 3 / 5
    assert permutation_p(9.0, np.zeros(199)) == 1 / 200


def test_jackknife_of_a_mean_is_students_interval():
    x = np.random.default_rng(0).exponential(size=12)
    left_out = (x.sum() - x) / 11
    found = jackknife(float(x.mean()), left_out)
    expected = stats.ttest_1samp(x, 0).confidence_interval()
    assert found.estimate == pytest.approx(x.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.error == pytest.approx(stats.sem(x))


def test_jackknife_takes_the_bias_of_a_plug_in_variance_off():
    x = np.random.default_rng(1).normal(size=9)
    found = jackknife(x.var(), np.array([np.delete(x, i).var() for i in range(9)]), (0.0, None))
    assert found.estimate == pytest.approx(x.var(ddof=1))
    assert found.low >= 0


def test_the_ends_keep_to_the_bounds_but_never_leave_the_estimate_out():
    left_out = np.array([0.1, 0.2, 0.3])
    within = jackknife(0.2, left_out, (0.0, 0.3))
    assert (within.low, within.high) == (0.0, 0.3) and within.estimate == pytest.approx(0.2)
    # 3 x 0.1 - 2 x 0.2 = -0.1
    below = jackknife(0.1, left_out, (0.0, 0.3))
    assert below.low == below.estimate == pytest.approx(-0.1) and below.high == 0.3


def test_a_given_bias_moves_the_interval_and_not_its_width():
    left_out = np.array([0.4, 0.5, 0.6])
    free, given_bias = jackknife(0.5, left_out), jackknife(0.5, left_out, bias=0.1)
    assert given_bias.estimate == pytest.approx(0.4)
    assert given_bias.high - given_bias.low == pytest.approx(free.high - free.low)


def test_groups_are_of_nearly_equal_size():
    assert groups_of(5, 3).tolist() == [0, 1, 2, 0, 1]
    assert np.bincount(groups_of(1_000)).tolist() == [5] * 200


def test_a_family_of_one_has_its_own_p():
    null = np.random.default_rng(0).normal(size=99)
    for value in (-1.0, 0.7, 5.0):
        assert step_down_max_t([value], [null]) == [pytest.approx(permutation_p(value, null))]


def test_max_t_by_its_definition():
    """Against a plain loop over the step-down algorithm."""
    rng = np.random.default_rng(3)
    null = rng.normal(size=(4, 50)) * [[1], [10], [0.1], [3]]
    values = [1.5, 12.0, 0.31, 2.0]
    everything = np.column_stack([values, null])
    z = (everything - everything.mean(1, keepdims=True)) / everything.std(1, keepdims=True)
    ranked = sorted(range(4), key=lambda place: -z[place, 0])
    expected, least = {}, 0.0
    for rank, place in enumerate(ranked):
        rest = ranked[rank:]
        reached = sum(max(z[other, column] for other in rest) >= z[place, 0] for column in range(51))
        least = max(least, reached / 51)
        expected[place] = least
    assert step_down_max_t(values, list(null)) == pytest.approx([expected[place] for place in range(4)])


def test_a_large_family_can_still_be_sure():
    """Holm cannot: 48 / 201 is above .05. The others are drawn from their null."""
    rng = np.random.default_rng(4)
    null = rng.normal(size=(48, 200))
    values = [9.0, *rng.normal(size=47)]
    adjusted = step_down_max_t(values, list(null))
    assert adjusted[0] == 1 / 201
    assert min(adjusted[1:]) > 0.05


def test_nothing_that_varies_is_never_sure():
    assert step_down_max_t([0.0, 1.0], [np.zeros(9), np.full(9, 1.0)]) == [1.0, 1.0]
    assert step_down_max_t([], []) == []
