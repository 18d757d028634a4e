import tracemalloc
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.metrics import mutual_info_score

from moe_lab.metrics.agreement import expected_information_bits
from moe_lab.metrics.null import PERMUTATIONS, named_generator, null_bits, permutation_within


def test_a_permutation_keeps_samples_in_their_stratum():
    stratum = np.repeat([0, 1, 2], [5, 1, 4])
    moved = [permutation_within(stratum, named_generator("a test")) for _ in range(2)]
    assert (stratum[moved[0]] == stratum).all() and sorted(moved[0]) == list(range(10))
    assert (moved[0] == moved[1]).all()  # the name alone decides


def test_every_order_within_a_stratum_comes_as_often():
    generator, stratum = named_generator("a test"), np.array([0, 0, 0, 7])
    counts = Counter(tuple(permutation_within(stratum, generator).tolist()) for _ in range(6000))
    assert len(counts) == 6 and all(order[3] == 3 for order in counts)
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_memory_does_not_grow_with_experts_classes_and_permutations():
    """199 tables of 256 x 1000 are 400 MB; one permutation of 20,000 samples is below 1 MB."""
    source = np.random.default_rng(0)
    counts = np.zeros((256, 1000), dtype=np.int64)
    np.add.at(counts, (source.integers(0, 256, 20_000), source.integers(0, 1000, 20_000)), 1)
    tracemalloc.start()
    null = null_bits(counts, "a test")
    assert tracemalloc.get_traced_memory()[1] < 20e6 and len(null) == PERMUTATIONS
    tracemalloc.stop()


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
