import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, rankdata, variation
from sklearn.metrics import mutual_info_score

from moe_lab.metrics import formulas
from moe_lab.metrics.formulas import (
    arg_max,
    cell_counts,
    cells,
    coefficient_of_variation,
    conditional_entropy_bits,
    entropy_bits,
    gini,
    miller_madow_bits,
    mutual_information_bits,
    mutual_information_miller_madow_bits,
    ranks,
    weighted_table,
)

tables = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))


def table(rows: int, columns: int, seed: int) -> np.ndarray:
    """Counts with many empty cells, but not only empty ones."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 50, (rows, columns)) * (generator.random((rows, columns)) < 0.6)
    counts[generator.integers(rows), generator.integers(columns)] += 1
    return counts


def test_entropy_by_hand():
    # weights 2 1 1 0 -> p = 1/2 1/4 1/4: 1/2 * 1 + 2 * 1/4 * 2 = 1.5 bits; uniform over 4: 2 bits
    np.testing.assert_array_equal(entropy_bits(np.array([[2, 1, 1, 0], [3, 3, 3, 3]])), [1.5, 2])


def test_entropy_of_a_certain_outcome_is_plain_zero():
    assert str(entropy_bits(np.array([7.0]))) == "0.0"
    assert str(entropy_bits(np.array([0, 7, 0]))) == "0.0"


@given(tables)
@settings(deadline=None)
def test_entropy_is_scipys_and_bounded(shape):
    counts = table(*shape).ravel()
    assert entropy_bits(counts) == pytest.approx(entropy(counts, base=2), abs=1e-12)
    assert 0 <= entropy_bits(counts) <= np.log2(counts.size) + 1e-12


def test_entropy_computes_float32_weights_in_float64():
    weights = np.random.default_rng(0).random((3, 5)).astype(np.float32)
    result = entropy_bits(weights)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, entropy(weights.astype(np.float64), base=2, axis=1), rtol=1e-14)


def test_a_row_of_zeros_has_no_entropy():
    with pytest.raises(ValueError, match="row of zeros"):
        entropy_bits(np.array([[1, 1], [0, 0]]))


def test_mutual_information_by_hand():
    # 2 0 / 1 1 of 4: H(E) = 1, H(C) = H(3/4) = .8112781245, H(E,C) = H(1/2 1/4 1/4) = 1.5; I = 1 + .8112781245 - 1.5
    assert mutual_information_bits(np.array([[2, 0], [1, 1]])) == pytest.approx(0.3112781245, abs=1e-10)


def test_mutual_information_at_its_ends():
    # independent rows: exactly 0; a one-to-one table of four even cells: log2 4 = 2
    assert mutual_information_bits(np.outer([1, 2, 3], [7, 11])) == 0
    assert mutual_information_bits(np.eye(4)) == 2


def test_rounding_makes_no_information_negative():
    # independent soft tables: 0 but for rounding, which falls on either side
    generator = np.random.default_rng(0)
    information = [mutual_information_bits(np.outer(*generator.random((2, 4)))) for _ in range(50)]
    assert 0 <= min(information) <= max(information) < 1e-15


@given(tables)
@settings(deadline=None)
def test_mutual_information_is_scikit_learns_and_bounded(shape):
    joint = table(*shape)
    information = mutual_information_bits(joint)
    expert, label = np.indices(joint.shape).reshape(2, -1).repeat(joint.ravel(), axis=1)
    assert information == pytest.approx(mutual_info_score(expert, label) / np.log(2), abs=1e-12)
    bound = min(entropy_bits(joint.sum(1)), entropy_bits(joint.sum(0)))
    assert 0 <= information <= bound + 1e-12
    assert information == pytest.approx(mutual_information_bits(joint.T), abs=1e-12)


def test_an_empty_table_has_no_information():
    with pytest.raises(ValueError, match="empty table"):
        mutual_information_bits(np.zeros((2, 3)))


@given(tables)
@settings(deadline=None, max_examples=40)
def test_the_chain_rule(shape):
    """H(E,C) = H(E) + H(C|E) = H(C) + H(E|C), and I = H(C) - H(C|E)."""
    joint = table(*shape)
    of_expert, of_class, both = entropy_bits(joint.sum(1)), entropy_bits(joint.sum(0)), entropy_bits(joint.ravel())
    assert both == pytest.approx(of_expert + conditional_entropy_bits(joint))
    assert both == pytest.approx(of_class + conditional_entropy_bits(joint.T))
    assert mutual_information_bits(joint) == pytest.approx(of_class - conditional_entropy_bits(joint), abs=1e-12)


def test_miller_madow_by_hand():
    # 4 2 2 0: 1.5 bits and (3 - 1) / (2 * 8 ln 2)
    assert miller_madow_bits(np.array([4, 2, 2, 0])) == pytest.approx(1.5 + 1 / (8 * np.log(2)))
    # an independent table: I = 0, less (4 + 1 - 2 - 2) / (2 * 8 ln 2)
    assert mutual_information_miller_madow_bits(np.full((2, 2), 2)) == pytest.approx(-1 / (16 * np.log(2)))


def test_miller_madow_takes_most_of_the_bias_off():
    """360 samples of ten experts and ten classes that have nothing in common: 81 / (720 ln 2) = .16 bit."""
    rng = np.random.default_rng(0)
    counts = [np.bincount(rng.integers(0, 100, 360), minlength=100).reshape(10, 10) for _ in range(200)]
    assert np.mean([mutual_information_bits(one) for one in counts]) == pytest.approx(0.16, abs=0.015)
    assert np.mean([mutual_information_miller_madow_bits(one) for one in counts]) == pytest.approx(0, abs=0.02)


def test_a_weighted_table_by_hand():
    weights = np.array([[0.5, 0.5], [1, 0], [0.25, 0.75]])
    # classes 0 2 0; then each expert's own: 0 2 0 and 1 1 2
    np.testing.assert_array_equal(weighted_table(weights, np.array([0, 2, 0]), 3), [[0.75, 0, 1], [1.25, 0, 0]])
    own = np.array([[0, 1], [2, 1], [0, 2]])
    np.testing.assert_array_equal(weighted_table(weights, own, 3), [[0.75, 0, 1], [0, 0.5, 0.75]])


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8).filter(any))
@settings(deadline=None, max_examples=40)
def test_spread_and_ranks_against_scipy(amounts):
    amounts = np.array(amounts, dtype=float)
    assert coefficient_of_variation(amounts) == pytest.approx(variation(amounts))
    np.testing.assert_array_equal(ranks(amounts), rankdata(amounts))
    # the area between the Lorenz curve and the diagonal, by the trapezoid rule, doubled
    lorenz = np.concatenate([[0], np.cumsum(np.sort(amounts)) / amounts.sum()])
    area = (lorenz[1:] + lorenz[:-1]).sum() / 2 / len(amounts)
    assert gini(amounts) == pytest.approx(1 - 2 * area, abs=1e-12)


def test_arg_max_by_hand():
    """The largest; of equal ones the lowest index; none of a row without anything."""
    amounts = np.array([[0.1, 0.7, 0.2], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    assert arg_max(amounts).tolist() == [1, 1, -1]
    assert arg_max(amounts.T).tolist() == [0, 0, 1]
    assert arg_max(np.array([[0, 0], [3, 2]])).tolist() == [-1, 0]


def test_many_rows_are_taken_in_parts(monkeypatch):
    weights = np.random.default_rng(0).random((50, 7))
    whole = entropy_bits(weights)
    monkeypatch.setattr(formulas, "AT_A_TIME", 20)
    np.testing.assert_array_equal(entropy_bits(weights), whole)


@given(seed=st.integers(0, 2**32 - 1), values=st.integers(1, 6))
@settings(deadline=None, max_examples=30)
def test_cells_are_those_of_unique_rows(seed, values):
    columns = np.random.default_rng(seed).integers(0, values, (3, 40))
    cell = cells(*columns)
    _, expected, counts = np.unique(columns.T, axis=0, return_inverse=True, return_counts=True)
    assert (cell == expected.reshape(-1)).all()
    assert (cell_counts(cell) == counts).all() and (cell_counts(cell * 1000) == counts).all()
