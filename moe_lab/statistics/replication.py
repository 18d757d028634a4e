"""Replication of published numbers: verdicts by equivalence tests, with margins set before looking at the results."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from moe_lab.statistics.intervals import CONFIDENCE
from moe_lab.statistics.paired import LEVEL, sign_flip_p

Word = Literal[
    "not asked", "not comparable", "equivalent", "negligible", "different", "inconclusive", "holds", "reversed"
]  # fmt: skip
#: confidence of the interval that corresponds to two one-sided tests at .05
EQUIVALENCE = 0.90
#: most runs that an inconclusive verdict asks for
MOST_RUNS = 1_000
#: least number of runs for the range of a selected run, in multiples of the n runs that the selection is made from.
#: With n runs the range contains the printed number of the same experiment in half of the cases, with 8 n in 86 %
#: (benchmarks/results/coverage.csv)
SELECTIONS = 8
DRAWS = 10_000


@dataclass(frozen=True)
class Published:
    """A printed mean with its sd and number of runs; both None if they were not printed."""

    mean: float
    sd: float | None = None
    n: int | None = None

    @property
    def spread(self) -> tuple[float, int] | None:
        """The variance of the mean and its degrees of freedom; None if they were not printed, or for a single run."""
        if self.sd is None or self.n is None or self.n < 2:
            return None
        return self.sd**2 / self.n, self.n - 1


@dataclass(frozen=True)
class Verdict:
    """A verdict on a published number. ``low`` to ``high`` is the 95 % interval of ours minus theirs, ``inner_low`` to
    ``inner_high`` the 90 % one; None if there is none. ``runs`` is the number of runs of ours that would settle an
    inconclusive verdict; None if no number would, or if it is not known. ``p`` is that of the test behind the word,
    corrected for its family; None if it has none."""

    word: Word
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    inner_low: float | None = None
    inner_high: float | None = None
    runs: int | None = None
    p: float | None = None


@dataclass(frozen=True)
class _Gap:
    """The difference ours minus theirs, with the variance and number of our values, and the variance and df of their
    mean."""

    difference: float
    own_variance: float
    n: int
    variance: float
    df: float

    def ends(self, confidence: float, n: int | None = None) -> tuple[float, float]:
        """The Welch interval; with ``n`` runs in place of ours, at the same mean and sd."""
        from scipy import stats

        runs = n or self.n
        own = self.own_variance / runs
        both = own + self.variance
        if both == 0:
            return self.difference, self.difference
        # Welch's (own + theirs)^2 / (own^2 / (n - 1) + theirs^2 / df), in shares: squares of variances may vanish
        freedom = 1 / ((own / both) ** 2 / (runs - 1) + (self.variance / both) ** 2 / self.df)
        reach = float(stats.t.ppf((1 + confidence) / 2, freedom)) * both**0.5
        return self.difference - reach, self.difference + reach

    def word(self, margin: float | None, n: int | None = None) -> Word:
        low, high = self.ends(EQUIVALENCE, n)
        if margin is not None and -margin <= low and high <= margin:
            return "equivalent"
        low, high = self.ends(CONFIDENCE, n)
        return "inconclusive" if low <= 0 <= high else "different"


def level_verdict(ours: Sequence[float], theirs: Published, margin: float | None = None) -> Verdict:
    """Whether our mean equals theirs, by the Welch interval of (ours - theirs).

    The verdicts are checked in this order: not comparable (one run of ours, or no printed spread); equivalent, if the
    90 % interval lies inside the margin (two one-sided tests at .05: D. J. Schuirmann 1987, Journal of Pharmacokinetics
    and Biopharmaceutics 15); different, if the 95 % interval excludes 0; else inconclusive, with the number of runs
    that would be enough. B. L. Welch 1947, The generalization of Student's problem, Biometrika 34.

    Args:
        ours: a value a run.
        margin: the difference that does not matter, in the metric's unit, at most; None: none was set, and nothing can
            be equivalent.
    """
    if len(ours) < 2:
        return Verdict("not comparable", "one run of ours has no spread")
    if theirs.spread is None:
        return Verdict("not comparable", "no spread over runs was printed")
    return _judged(_gap(ours, theirs.mean, *theirs.spread), margin)


def effect_verdict(ours: Sequence[float], arm: Published, base: Published, margin: float | None = None) -> Verdict:
    """Whether our difference between two arms equals theirs: like ``level_verdict``, for (our effect - theirs).

    Args:
        ours: our paired differences, arm minus base, one value per seed.
        arm, base: the printed means of the two arms, each with its spread.
    """
    if len(ours) < 2:
        return Verdict("not comparable", "one pair of runs of ours has no spread")
    if arm.spread is None or base.spread is None:
        return Verdict("not comparable", "no spread over runs was printed")
    parts = (arm.spread, base.spread)
    variance = sum(part for part, _ in parts)
    df = variance**2 / sum(part**2 / df for part, df in parts) if variance else math.inf
    return _judged(_gap(ours, arm.mean - base.mean, variance, df), margin)


def direction_verdict(ours: Sequence[float], effect: float, family: int = 1) -> Verdict:
    """Whether a printed difference without a spread has the same sign as ours.

    The verdict is "holds" or "reversed" if our own 95 % interval of the effect, corrected for the family (Bonferroni),
    excludes 0 on that side; else inconclusive. The interval is that of the sign-flip test.

    Args:
        ours: our paired differences, one value per seed.
        effect: the printed difference.
        family: number of directions that are tested.
    """
    if effect == 0:
        return Verdict("not comparable", "equal numbers without a spread were printed, which have no direction")
    difference, p = float(np.mean(ours)) - effect, min(1.0, family * sign_flip_p(ours))
    p_value = f"p = {p:.2g}" + (f" after Bonferroni over {family} directions" if family > 1 else "")
    needed = math.ceil(math.log2(2 * family / LEVEL))
    if len(ours) < needed:
        return Verdict("inconclusive", f"{_directions(family)} at least {needed} seeds", difference, runs=needed)
    if p > LEVEL:
        return Verdict("inconclusive", f"our difference may be chance ({p_value})", difference)
    if np.mean(ours) * effect > 0:
        return Verdict("holds", f"the same sign ({p_value})", difference)
    return Verdict("reversed", f"the opposite sign ({p_value})", difference)


def _directions(family: int) -> str:
    return "1 direction needs" if family == 1 else f"{family} directions need"


def best_of(
    selection: Sequence[float],
    reported: Sequence[float],
    printed: float,
    n: int,
    margin: float | None = None,
    *,
    draws: int = DRAWS,
) -> Verdict:
    """Whether a printed best of ``n`` runs agrees with ours under the same selection.

    Our runs are resampled n at a time. Each time the run with the lowest ``selection`` value (training error) is
    selected, and its ``reported`` value enters the distribution of ours. Equivalent, if the 90 % range of (ours -
    printed) lies inside the margin; different, if the printed number lies outside the 95 % range; else inconclusive. It
    is always inconclusive with fewer than 8 n runs, whose range is too narrow. An unknown selection value is NaN.
    Raises: ValueError if the two do not have the same length, or n < 1.
    """
    if len(selection) != len(reported) or n < 1:
        raise ValueError("a selection value and a reported value for each run, and n of at least 1")
    if len(selection) < 2:
        return Verdict("not comparable", "one run of ours has no spread")
    if len(selection) < SELECTIONS * n:
        needed = SELECTIONS * n
        reason = f"a best of {n} needs {needed} runs of ours to be compared with"
        return Verdict("inconclusive", reason, runs=needed)
    if np.isnan(selection).any():
        return Verdict("not comparable", "the errors by which theirs was chosen are not kept of ours")
    drawn = np.random.default_rng(0).integers(0, len(selection), (draws, n))
    chosen = drawn[np.arange(draws), np.asarray(selection)[drawn].argmin(1)]
    best = np.asarray(reported, dtype=np.float64)[chosen] - printed
    tails = [(1 - CONFIDENCE) / 2, (1 - EQUIVALENCE) / 2, (1 + EQUIVALENCE) / 2, (1 + CONFIDENCE) / 2]
    low, inner_low, inner_high, high = (float(end) for end in np.quantile(best, tails))
    ends = (float(best.mean()), low, high, inner_low, inner_high)
    if margin is not None and -margin <= inner_low and inner_high <= margin:
        return Verdict("equivalent", f"the 90 % range of the best of {n} lies within {margin:g} of it", *ends)
    if low <= 0 <= high:
        return Verdict(
            "inconclusive", f"it lies in the 95 % range of the best of {n}, which is wider than the margin", *ends
        )
    return Verdict("different", f"it lies outside the 95 % range of the best of {n}", *ends)


def _gap(ours: Sequence[float], mean: float, variance: float, df: float) -> _Gap:
    x_n = np.asarray(ours, dtype=np.float64)
    return _Gap(float(x_n.mean()) - mean, float(x_n.var(ddof=1)), len(x_n), variance, df)


def _judged(gap: _Gap, margin: float | None) -> Verdict:
    word, runs = gap.word(margin), None
    if word == "equivalent":
        reason = f"the 90 % interval of the difference lies within the margin of {margin:g}"
    elif word == "different":
        reason = "the 95 % interval of the difference excludes 0"
    else:
        runs = _runs_needed(gap, margin)
        reason = _why_inconclusive(margin, runs)
    return Verdict(word, reason, gap.difference, *gap.ends(CONFIDENCE), *gap.ends(EQUIVALENCE), runs)


def _runs_needed(gap: _Gap, margin: float | None) -> int | None:
    """The number of runs of ours that would settle the verdict at the present means and sds, up to MOST_RUNS."""
    more = range(gap.n + 1, MOST_RUNS + 1)
    return next((n for n in more if gap.word(margin, n) != "inconclusive"), None)


def _why_inconclusive(margin: float | None, runs: int | None) -> str:
    if runs is not None:
        return f"{runs} runs of ours would do, if means and sds stay"
    if margin is None:
        return "no margin was set, and the 95 % interval of the difference contains 0"
    return f"{MOST_RUNS} runs of ours would not do: the published spread is too wide"
