"""Stratified splits that are the same on every machine and NumPy version."""

import math
from fractions import Fraction

import numpy as np

from moe_lab.data.generators import bit_generator


def stratified(y_N: np.ndarray, share: float, seed: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows that stay and rows that are taken, both ascending, given the labels ``y_N`` in 0..C-1.

    ``ceil(share N)`` rows are taken, shared out over the classes by largest remainder (`take_counts`); within a class
    they are drawn without replacement by the generator of (seed, name). share 0 takes none.
    """
    taken = np.zeros(len(y_N), dtype=bool)
    order_N = random_order(len(y_N), seed, name)
    for c, count in enumerate(take_counts(np.bincount(y_N), share)):
        taken[order_N[y_N[order_N] == c][:count]] = True
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def take_counts(size_C: np.ndarray, share: float) -> list[int]:
    """How many samples of each class to take, in exact arithmetic.

    T = ceil(share N) in all; class c gets floor(T n_c / N), and those with the largest remainders (ties: the lower
    class) get the missing ones, but every class keeps at least one sample, so tiny classes may make the sum smaller.
    """
    sizes = [int(size) for size in size_C]
    # by its decimal text, or 0.07 x 100 would be 7.000000000000001 and its ceiling 8
    total = math.ceil(Fraction(str(share)) * sum(sizes))
    quotas = [Fraction(total * size, sum(sizes)) for size in sizes]
    counts = [math.floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(sizes)), key=lambda c: (counts[c] - quotas[c], c))
    for c in by_remainder[: total - sum(counts)]:
        counts[c] += 1
    return [max(min(count, size - 1), 0) for count, size in zip(counts, sizes, strict=True)]


def random_order(count: int, seed: int, name: str) -> np.ndarray:
    """A permutation of ``range(count)`` by the generator that (seed, name) names.

    It sorts raw PCG64 output, which NumPy keeps the same between versions, as it does not for ``permutation``.
    """
    keys_N = bit_generator(seed, name).random_raw(count)
    return np.argsort(keys_N, kind="stable")
