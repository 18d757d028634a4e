"""Formulas of tables against scikit-learn, brute force and arithmetic."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import mutual_info_score

from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits
from moe_lab.metrics.traces import tables

counted = hnp.arrays(np.int64, st.tuples(st.integers(2, 5), st.integers(2, 6)), elements=st.integers(1, 40))


@given(counted)
def test_information_against_scikit_learn(table_GE):
    rows, columns = np.nonzero(table_GE)
    times = table_GE[rows, columns]
    nats = mutual_info_score(np.repeat(rows, times), np.repeat(columns, times))
    assert tables.information_bits(table_GE) == pytest.approx(nats / math.log(2), abs=1e-9)
    assert tables.usage_bits(table_GE) == pytest.approx(entropy_bits(table_GE.sum(0)))


@given(counted)
def test_the_order_of_labels_and_experts_does_not_matter(table_GE):
    other = table_GE[::-1, ::-1]
    for function in (
        tables.information_per_usage,
        tables.divergence_per_usage,
        tables.divergence_bits,
        tables.effective_rank,
        tables.highest_share,
        tables.committee_size,
    ):
        assert function(other) == pytest.approx(function(table_GE), abs=1e-9)


@given(counted, st.integers(2, 9))
def test_labels_of_equal_weight_do_not_follow_the_counts(table_GE, times):
    more = table_GE.copy()
    more[0] *= times
    assert tables.divergence_bits(more) == pytest.approx(tables.divergence_bits(table_GE), abs=1e-9)


def test_many_tables_at_once_are_each_by_itself():
    many = np.random.default_rng(0).integers(0, 9, (4, 3, 2, 5)) + np.eye(2, 5, dtype=int)
    for function in (tables.information_per_usage, tables.divergence_per_usage, tables.effective_rank):
        each = [[function(many[i, j]) for j in range(3)] for i in range(4)]
        assert function(many) == pytest.approx(np.array(each))


def test_a_table_without_slots_tells_nothing():
    """One of several tables, without the only group of documents that has the label."""
    two = np.stack([np.zeros((2, 3), dtype=np.int64), np.array([[1, 0, 0], [0, 1, 0]])])
    assert tables.information_bits(two).tolist() == tables.usage_bits(two).tolist() == [0.0, 1.0]
    assert tables.information_per_usage(two).tolist() == [0.0, 1.0]


def test_values_by_hand():
    # two labels, two experts, no overlap: I = H(E) = 1 bit
    apart = np.array([[3, 0], [0, 3]])
    assert tables.information_per_usage(apart) == 1
    assert tables.effective_rank(apart) == pytest.approx(1)
    # the same shares: nothing is told, and one singular value is left of two
    alike = np.array([[1, 3], [2, 6]])
    assert tables.information_per_usage(alike) == 0
    assert tables.effective_rank(alike) == pytest.approx(1 / 2)
    assert tables.highest_share(alike) == 3 / 4
    assert tables.shares(np.array([[1, 3], [0, 0]])).tolist() == [[0.25, 0.75], [0, 0]]


def test_divergence_is_the_entropy_of_the_mean_less_the_mean_entropy():
    """JSD with weights 1/2 of (1, 0) and (1/2, 1/2): H(3/4, 1/4) - (0 + 1) / 2, whatever the counts."""
    table = np.array([[10, 0], [500, 500]])
    expected = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)) - 0.5
    assert tables.divergence_bits(table) == pytest.approx(expected)
    assert tables.divergence_per_usage(table) == pytest.approx(expected / (expected + 0.5))
    # weighted by counts it is another number
    assert mutual_information_bits(table) != pytest.approx(expected, abs=0.1)


@given(counted)
def test_the_committee_is_the_smallest_by_trying_all(table_GE):
    p_GE = table_GE / table_GE.sum(1, keepdims=True)
    experts = range(table_GE.shape[1])
    sizes = (
        size
        for size in range(1, table_GE.shape[1] + 1)
        for chosen in itertools.combinations(experts, size)
        if (p_GE[:, list(chosen)].sum(1) >= 0.5 - 1e-9).all()
    )
    found = tables.committee(table_GE)
    assert np.count_nonzero(found) == next(sizes)
    assert (p_GE[:, found].sum(1) >= 0.5 - 1e-9).all()


def test_a_committee_by_hand():
    # expert 1 has half of either label; without it two are needed
    assert tables.committee(np.array([[2, 5, 3, 0], [1, 5, 0, 4]])).tolist() == [False, True, False, False]
    # the label without counts asks for nothing
    assert tables.committee_size(np.array([[9, 1], [0, 0]])) == 1


def test_a_committee_that_is_not_proven_says_between_what(monkeypatch):
    # many labels and nearly equal shares, the hardest case
    table = np.random.default_rng(0).dirichlet(np.full(64, 0.5), 50)
    with pytest.raises(tables.Undefined, match=r"between \d+ and \d+ experts"):
        tables.committee(table)
