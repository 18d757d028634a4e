"""What mutual information comes to by chance alone: samples are permuted, and nothing else is changed.

One permutation is kept at a time, and of its table the cells that are not empty: memory grows with the samples, and not
with the product of experts, classes and permutations.
"""

from functools import lru_cache

import numpy as np

from moe_lab.metrics.formulas import cell_counts, entropy_bits

#: permutations; the smallest p-value is 1 / (PERMUTATIONS + 1)
PERMUTATIONS = 199


def named_generator(name: str) -> np.random.Generator:
    """Random numbers that follow from a name alone."""
    return np.random.default_rng(list(name.encode()))


def permutation_within(stratum_M: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A permutation of samples, which stand in the order of their strata, that keeps each in its stratum."""
    return np.argsort(stratum_M + generator.random(len(stratum_M)))


def null_bits(counts_EC: np.ndarray, name: str) -> np.ndarray:
    """Plug-in I(E;C) in bits of PERMUTATIONS permutations of the samples of a table of counts, in rising order.

    It depends on the margins and the name alone, and not on the order of experts or classes.
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
