"""Arms compared on the same seeds: the exact sign-flip test of the mean difference, Holm over a declared family."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from moe_lab.statistics.intervals import Summary, summary

LEVEL = 0.05
#: up to this many pairs all sign patterns are looked at; above, this many seeded ones
ENUMERATED_PAIRS = 20
DRAWS = 99_999

Seed = TypeVar("Seed", bound=Hashable)
#: arm -> metric -> seed -> value
Values = Mapping[str, Mapping[str, Mapping[Seed, float]]]


@dataclass(frozen=True)
class Comparison:
    """One arm against the baseline in one metric, over the seeds that both have.

    ``difference`` is arm minus baseline; ``p`` the sign-flip test's, ``adjusted_p`` after Holm over the ``family`` of
    comparisons; both None where no seed is shared. ``needed`` is the least number of seeds with which the test could
    reach the level in this family.
    """

    arm: str
    metric: str
    difference: Summary | None
    p: float | None
    adjusted_p: float | None
    exact: bool
    family: int
    needed: int

    @property
    def n(self) -> int:
        return 0 if self.difference is None else self.difference.n

    @property
    def too_few(self) -> bool:
        return self.n < self.needed

    @property
    def sure(self) -> bool:
        """Whether the arms differ at the level, with the whole family in mind."""
        return self.adjusted_p is not None and self.adjusted_p <= LEVEL


def compare(values: Values[Seed], against: str, metrics: Sequence[str]) -> list[Comparison]:
    """Every other arm against ``against`` in every metric of the declared family.

    Comparisons without a shared seed stay in the family: leaving them out would make the others look surer. Raises:
    KeyError where there is no arm ``against``.
    """
    base = values[against]
    pairs = [(arm, metric) for arm in values if arm != against for metric in metrics]
    differences = [_differences(values[arm].get(metric, {}), base.get(metric, {})) for arm, metric in pairs]
    ps = [sign_flip_p(one) if len(one) else None for one in differences]
    family, needed = len(pairs), seeds_needed(max(1, len(pairs)))
    return [
        Comparison(
            arm,
            metric,
            summary(one) if len(one) else None,
            p,
            adjusted,
            len(one) <= ENUMERATED_PAIRS,
            family,
            needed,
        )
        for (arm, metric), one, p, adjusted in zip(pairs, differences, ps, holm(ps), strict=True)
    ]


def _differences(ours: Mapping[Seed, float], base: Mapping[Seed, float]) -> list[float]:
    return [value - base[seed] for seed, value in ours.items() if seed in base]


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p of the paired sign-flip test of the mean difference (Fisher 1935, The design of experiments, section
    21): the share of sign patterns s with |sum s_i d_i| >= |sum d_i|.

    Exact, over all 2^n patterns, up to 20 pairs; above by 99,999 seeded patterns, (1 + hits) / (1 + draws). The
    smallest that n pairs can give is 2 / 2^n. Raises ValueError where there is no difference.
    """
    d_n = np.abs(np.asarray(differences, dtype=np.float64))
    if d_n.size == 0:
        raise ValueError("a sign-flip test needs at least one difference")
    observed = abs(float(np.sum(differences)))
    # sums that are equal in exact arithmetic may differ in the last bits
    reached = observed - 1e-12 * float(d_n.sum())
    if len(d_n) > ENUMERATED_PAIRS:
        signs_Rn = np.random.default_rng(0).integers(0, 2, (DRAWS, len(d_n)), dtype=np.int8) * 2 - 1
        return float((1 + np.count_nonzero(np.abs(signs_Rn @ d_n) >= reached)) / (1 + DRAWS))
    # the first sign is held: a pattern and its mirror image have the same |sum|
    sums = d_n[:1]
    for d in d_n[1:]:
        sums = np.concatenate([sums + d, sums - d])
    return float(np.count_nonzero(np.abs(sums) >= reached) / len(sums))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Adjusted p: the j-th smallest times (m - j + 1), never less than one before it, at most 1 (S. Holm 1979, A simple
    sequentially rejective multiple test procedure). None stays None and counts in m."""
    adjusted: list[float | None] = [None] * len(ps)
    largest = 0.0
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(ps) - rank) * p))
        adjusted[place] = largest
    return adjusted


def seeds_needed(family: int, level: float = LEVEL) -> int:
    """Least n for which 2 / 2^n, the smallest p of the sign-flip test, times ``family`` reaches the level:
    ceil(log2(2 family / level)), 6 for one comparison, 9 for eight, 10 for sixteen."""
    return math.ceil(math.log2(2 * family / level))
