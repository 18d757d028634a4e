"""Comparing two partitions of the same samples, such as experts and classes, or the experts of two runs: their table of
counts and their agreement.

Legend: A parts of the first, B parts of the second.
"""

import numpy as np


def table_of(first_N: np.ndarray, second_N: np.ndarray, firsts: int, seconds: int) -> np.ndarray:
    """The table ``[A, B]`` of the number of samples that each pair of parts shares; parts are numbered from 0."""
    return np.bincount(first_N * seconds + second_N, minlength=firsts * seconds).reshape(firsts, seconds)


def adjusted_rand_index(table_AB: np.ndarray, pairs: float | None = None) -> float:
    """Agreement beyond chance: (pairs together in both - expected) / (mean of both - expected).

    L. Hubert and P. Arabie 1985, Comparing partitions, eq. 5: 1 for the same partition, 0 on average for independent
    ones with the same sizes of parts. Linear in the pairs for given margins, so that an expected number of them gives
    the expected index.

    Args:
        table_AB: samples by their part in the first and in the second partition.
        pairs: in place of the table's own number of pairs that are together in both.
    Raises: ValueError if each partition has one part only, or each sample alone: there is nothing to adjust.
    """
    both = _pairs(table_AB) if pairs is None else pairs
    first, second, every = _pairs(table_AB.sum(1)), _pairs(table_AB.sum(0)), _pairs(table_AB.sum())
    expected, most = first * second / max(every, 1.0), (first + second) / 2
    if most == expected:
        raise ValueError("both partitions are trivial: of one part only, or with each sample alone")
    return (both - expected) / (most - expected)


def _pairs(counts: np.ndarray) -> float:
    """Number of pairs of samples in the same part."""
    counts = np.asarray(counts, dtype=np.float64)
    return float((counts * (counts - 1)).sum() / 2)
