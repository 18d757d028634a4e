import numpy as np
import pytest
from scipy.stats import chisquare, random_table
from sklearn.metrics import mutual_info_score

from moe_lab.metrics.agreement import expected_information_bits
from moe_lab.metrics.null import PERMUTATIONS, named_generator, null_bits, random_tables

ROWS, COLUMNS = np.array([3, 0, 4]), np.array([2, 5])


def test_random_tables_keep_their_margins():
    tables = random_tables(ROWS, COLUMNS, 50, named_generator("a test"))
    np.testing.assert_array_equal(tables.sum(2), np.tile(ROWS, (50, 1)))
    np.testing.assert_array_equal(tables.sum(1), np.tile(COLUMNS, (50, 1)))
    assert (tables >= 0).all()


def test_random_tables_come_as_often_as_scipy_says():
    tables = random_tables(ROWS, COLUMNS, 20_000, named_generator("a test"))
    # the first row's first cell, 0 to 2, decides the table
    counts = np.bincount(tables[:, 0, 0], minlength=3)
    expected = [random_table.pmf([[n, 3 - n], [0, 0], [2 - n, 2 + n]], ROWS, COLUMNS) for n in range(3)]
    assert sum(expected) == pytest.approx(1)
    assert chisquare(counts, np.array(expected) * 20_000).pvalue > 0.001


def test_the_null_is_that_of_permuted_labels():
    """Its mean is the expectation over permutations, and its spread that of permutations done one by one."""
    counts = np.array([[20, 5, 5], [2, 30, 8], [5, 5, 20]])
    null = null_bits(counts, "a test")
    assert (len(null), list(null)) == (PERMUTATIONS, sorted(null))
    rng = np.random.default_rng(0)
    expert, label = (np.repeat(np.arange(3), counts.sum(axis)) for axis in (1, 0))
    shuffled = np.array([mutual_info_score(expert, rng.permutation(label)) for _ in range(400)]) / np.log(2)
    expected = expected_information_bits(counts.sum(1), counts.sum(0))
    # four standard errors of the mean; an sd of 199 values is known to 5 %
    assert null.mean() == pytest.approx(expected, abs=4 * null.std() / PERMUTATIONS**0.5)
    assert null.std() == pytest.approx(shuffled.std(), rel=0.25)


def test_the_null_follows_from_the_margins_and_the_name_alone():
    counts = np.array([[4, 1, 0], [2, 3, 5]])
    assert (null_bits(counts, "one") == null_bits(counts[::-1, [2, 0, 1]], "one")).all()
    assert (null_bits(counts, "one") != null_bits(counts, "another")).any()


def test_a_table_with_one_row_has_nothing_to_permute():
    assert not null_bits(np.array([[3, 4], [0, 0]]), "one").any()
