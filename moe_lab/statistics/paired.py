"""Comparing arms on the same seeds: the exact sign-flip test of the mean difference, with Holm over a declared
family."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np

from moe_lab.statistics.intervals import CONFIDENCE, Summary, mixture_warning

LEVEL = 0.05
#: up to this many pairs all sign patterns are computed; above, this many seeded ones
ENUMERATED_PAIRS = 20
DRAWS = 99_999

Seed = TypeVar("Seed", bound=Hashable)
#: arm -> metric -> seed -> value
Values = Mapping[str, Mapping[str, Mapping[Seed, float]]]


@dataclass(frozen=True)
class Comparison:
    """The comparison of one arm with the baseline in one metric, over the seeds that both have.

    ``difference`` is arm minus baseline, over the ``values`` of all shared seeds. ``p`` is that of the sign-flip test,
    ``adjusted_p`` that after Holm over the ``family`` of comparisons; both are None if no seed is shared. ``needed`` is
    the least number of seeds with which the test can reach the level in this family.
    """

    arm: str
    metric: str
    values: tuple[float, ...]
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
        """Whether the arms differ at the level, after adjustment for the whole family."""
        return self.adjusted_p is not None and self.adjusted_p <= LEVEL


def compare(values: Values[Seed], against: str, metrics: Sequence[str]) -> list[Comparison]:
    """Compare every other arm with ``against`` in every metric of the declared family.

    A metric without an entry in an arm is one that it cannot have, as a dense network has no experts: no comparison.
    One with an entry and without a shared seed stays in the family: leaving it out would make the others look more
    significant. Raises: KeyError if there is no arm ``against``.
    """
    base = values[against]
    pairs = [
        (arm, metric) for arm in values if arm != against for metric in metrics if _both(values[arm], base, metric)
    ]
    differences = [_differences(values[arm][metric], base[metric]) for arm, metric in pairs]
    ps = [_p(one) for one in differences]
    family, needed = len(pairs), seeds_needed(max(1, len(pairs)))
    return [
        Comparison(
            arm,
            metric,
            tuple(one),
            difference_summary(one) if len(one) else None,
            p,
            adjusted,
            len(one) <= ENUMERATED_PAIRS,
            family,
            needed,
        )
        for (arm, metric), one, p, adjusted in zip(pairs, differences, ps, holm(ps), strict=True)
    ]


def all_pairs(values: Sequence[Values[Seed]], metrics: Sequence[str]) -> dict[tuple[str, str, str], float | None]:
    """(arm, other, metric) -> p of the sign-flip test after Holm over all of them, for every pair of arms in each group
    of ``values`` that have the metric, as in ``compare``; None if the two share no seed.

    For comparisons that are chosen after seeing the numbers, such as those with the best arm: every pair could have
    been chosen, so every pair belongs to the family.
    """
    pairs = [
        (group, one, two, metric)
        for group in values
        for one, two in combinations(group, 2)
        for metric in metrics
        if _both(group[one], group[two], metric)
    ]
    ps = [_p(_differences(group[one][metric], group[two][metric])) for group, one, two, metric in pairs]
    return {(one, two, metric): p for (_, one, two, metric), p in zip(pairs, holm(ps), strict=True)}


def _both(ours: Mapping[str, Mapping[Seed, float]], base: Mapping[str, Mapping[Seed, float]], metric: str) -> bool:
    return metric in ours and metric in base


def _p(differences: Sequence[float]) -> float | None:
    return sign_flip_p(differences) if len(differences) else None


def _differences(ours: Mapping[Seed, float], base: Mapping[Seed, float]) -> list[float]:
    return [value - base[seed] for seed, value in ours.items() if seed in base]


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p of the paired sign-flip test of the mean difference (Fisher 1935, The design of experiments, section
    21): the share of sign patterns s with |sum s_i d_i| >= |sum d_i|.

    Exact, over all 2^n patterns, up to 20 pairs; above by 99,999 seeded patterns, (1 + hits) / (1 + draws). The
    smallest that n pairs can give is 2 / 2^n. Raises ValueError if there is no difference.
    """
    d_n = np.asarray(differences, dtype=np.float64)
    if d_n.size == 0:
        raise ValueError("a sign-flip test needs at least one difference")
    reached_R = _turning_points(d_n if d_n.sum() >= 0 else -d_n) <= _rounding(d_n)
    return float(reached_R.mean())


def equivalence_p(differences: Sequence[float], margin: float) -> float:
    """p of two one-sided sign-flip tests that the mean difference lies within -margin and margin: the larger of the two
    (D. J. Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15).

    Flipped signs spread evenly around 0, so a one-sided p is half the two-sided one if the mean is on the side that is
    asked about, and at least 1/2 otherwise. Raises ValueError if there is no difference.
    """
    d_n = np.asarray(differences, dtype=np.float64)
    beyond = ((d_n - margin).tolist(), (-d_n - margin).tolist())
    ps = [(sum(one), sign_flip_p(one)) for one in beyond]
    return max(p / 2 if total < 0 else 1.0 for total, p in ps)


def difference_summary(differences: Sequence[float], of: str = "seeds") -> Summary:
    """Mean and sd of paired differences, with the interval of the shifts that the sign-flip test does not reject.

    So the interval contains 0 exactly if sign_flip_p is above .05. Below six differences the test can reject nothing:
    there is no interval, and ``method`` says so, with what there are too few ``of``. Raises ValueError if there is no
    difference.
    """
    d_n = np.asarray(differences, dtype=np.float64)
    ends = sign_flip_interval(differences)
    sd = float(d_n.std(ddof=1)) if len(d_n) > 1 else None
    low, high = ends or (None, None)
    method = "inverted sign-flip test" if ends else f"needs {seeds_needed(1)} {of}"
    return Summary(len(d_n), float(d_n.mean()), sd, low, high, method, mixture_warning(d_n))


def sign_flip_interval(differences: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """The shifts t for which sign_flip_p(d - t) > 1 - confidence; None if these are all numbers.

    With F the flipped pairs of a pattern, |sum s (d - t)| >= |sum (d - t)| for a t below the mean exactly if t is at
    least the mean of d over F or over the rest (J. A. Hartigan 1969, Using subsample values as typical values, JASA
    64). So the lower end is an order statistic of these means over all patterns; the upper end is its mirror image.
    Raises ValueError if there is no difference.
    """
    d_n = np.asarray(differences, dtype=np.float64)
    if d_n.size == 0:
        raise ValueError("an interval needs at least one difference")
    low, minus_high = (_lower_end(one, 1 - confidence) for one in (d_n, -d_n))
    return None if math.isinf(low) else (low, 0.0 - minus_high)


def _lower_end(d_n: np.ndarray, level: float) -> float:
    turning_R = _turning_points(d_n)
    # rounding such as .05 * 20 = 1.0000000000000002 must not add a pattern
    place = math.floor(level * len(turning_R) * (1 + 1e-12))
    end = float(np.partition(turning_R, place)[place])
    return 0.0 if abs(end) <= _rounding(d_n) else end


def _turning_points(d_n: np.ndarray) -> np.ndarray:
    """For each sign pattern the least shift t below the mean at which it reaches the observed sum.

    It is the smaller of the means of d over the flipped pairs and over the others, and minus infinity for the pattern
    that flips nothing. The patterns are all those with the first sign fixed (a pattern and its mirror image have the
    same sum), or the one that flips nothing and DRAWS seeded ones.
    """
    n = len(d_n)
    if n > ENUMERATED_PAIRS:
        flips_Rn = np.random.default_rng(0).integers(0, 2, (DRAWS, n), dtype=np.int8)
        sum_R, count_R = np.append(0.0, flips_Rn @ d_n), np.append(0, flips_Rn.sum(1))
    else:
        sum_R, count_R = np.zeros(1), np.zeros(1, dtype=np.int64)
        for d in d_n[1:]:
            sum_R, count_R = np.concatenate([sum_R, sum_R + d]), np.concatenate([count_R, count_R + 1])
    trivial_R = (count_R == 0) | (count_R == n)
    flipped_R = sum_R / np.where(trivial_R, 1, count_R)
    rest_R = (d_n.sum() - sum_R) / np.where(trivial_R, 1, n - count_R)
    return np.where(trivial_R, -np.inf, np.minimum(flipped_R, rest_R))


def _rounding(d_n: np.ndarray) -> float:
    """The largest difference by rounding between sums that are equal in exact arithmetic."""
    return 1e-12 * float(np.abs(d_n).max())


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
