import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits

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
