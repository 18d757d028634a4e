"""Mutual information by chance alone, from permutations of the samples.

Only one permutation is in memory at a time, with the non-empty cells of its table. Memory grows with the samples, not
with the product of experts, classes and permutations.
"""

from functools import lru_cache

import numpy as np

from moe_lab.metrics.formulas import cell_counts, entropy_bits

#: permutations; the smallest p-value is 1 / (PERMUTATIONS + 1)
PERMUTATIONS = 199


def named_generator(name: str) -> np.random.Generator:
    """A random generator seeded by a name."""
    return np.random.default_rng(list(name.encode()))


def permutation_within(stratum_M: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A permutation of samples within their strata; samples are ordered by stratum."""
    return np.argsort(stratum_M + generator.random(len(stratum_M)))


def null_bits(counts_EC: np.ndarray, name: str) -> np.ndarray:
    """Plug-in I(E;C) in bits of PERMUTATIONS permutations of the samples of a table of counts, in rising order.

    The result depends only on the margins and the name, not on the order of experts or classes.
    """
    margins = (counts_EC.sum(1), counts_EC.sum(0))
    return _null_bits(*(tuple(sorted(filter(None, counts.tolist()), reverse=True)) for counts in margins), name)


@lru_cache(maxsize=64)
def _null_bits(rows: tuple[int, ...], columns: tuple[int, ...], name: str) -> np.ndarray:
    generator = named_generator(name)
    first_M = np.repeat(np.arange(len(rows)) * len(columns), rows)
    second_M = np.repeat(np.arange(len(columns)), columns)
    joint_bits = [entropy_bits(cell_counts(first_M + generator.permutation(second_M))) for _ in range(PERMUTATIONS)]
    return np.sort(entropy_bits(np.array(rows)) + entropy_bits(np.array(columns)) - joint_bits).clip(min=0)
