import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from moe_lab.statistics.partitions import adjusted_rand_index, table_of


def test_the_table_counts_the_samples_of_each_pair_of_parts():
    first, second = np.array([0, 0, 1, 1, 1]), np.array([0, 2, 2, 2, 0])
    assert table_of(first, second, 2, 3).tolist() == [[1, 0, 1], [1, 0, 2]]


def test_the_index_by_hand():
    # together in both 1 + 3 pairs, in the first 3 + 3, in the second 1 + 6, of 15: expected 6 * 7 / 15, mean 6.5
    assert adjusted_rand_index(np.array([[2, 1], [0, 3]])) == pytest.approx((4 - 2.8) / (6.5 - 2.8))
    # linear in the pairs: those that are expected give 0
    assert adjusted_rand_index(np.array([[2, 1], [0, 3]]), pairs=2.8) == pytest.approx(0)
    assert adjusted_rand_index(np.diag([3, 4])) == 1


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(3, 60), parts=st.integers(2, 6))
def test_the_index_is_that_of_scikit_learn(seed, samples, parts):
    first, second = np.random.default_rng(seed).integers(0, parts, (2, samples))
    # neither of one part, nor with each sample alone
    first[:3] = [0, 0, 1]
    index = adjusted_rand_index(table_of(first, second, parts, parts))
    assert index == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


@pytest.mark.parametrize("table", [[[5, 0], [0, 0]], [[1, 0], [0, 1]], [[0]]])
def test_trivial_partitions_have_no_index(table):
    with pytest.raises(ValueError, match="trivial"):
        adjusted_rand_index(np.array(table))
