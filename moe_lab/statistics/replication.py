"""Did a published number come out again? Verdicts with a rule that was set before looking."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from moe_lab.statistics.intervals import CONFIDENCE, summary

Word = Literal["reproduced", "direction only", "not reproduced", "not comparable"]
#: differences that do not matter, by metric, in its own unit
MARGINS = {
    "test_error_rate": 0.005,
    "mutual_information_expert_label_bits": 0.25,
    "mutual_information_expert_prediction_bits": 0.25,
    "usage_entropy_bits": 0.1,
}
DRAWS = 10_000


@dataclass(frozen=True)
class Published:
    """A printed mean with its sd and number of runs; both None where they were not printed."""

    mean: float
    sd: float | None = None
    n: int | None = None

    @property
    def spread(self) -> tuple[float, int] | None:
        """The variance of the mean and its degrees of freedom; None where they were not printed, or of one run."""
        if self.sd is None or self.n is None or self.n < 2:
            return None
        return self.sd**2 / self.n, self.n - 1


@dataclass(frozen=True)
class Verdict:
    """``low`` to ``high`` is the 95 % interval of ours minus theirs; None where there is none."""

    word: Word
    difference: float | None
    low: float | None
    high: float | None
    reason: str


def level_verdict(ours: Sequence[float], theirs: Published, margin: float = 0.0) -> Verdict:
    """Reproduced where the Welch interval of (ours - theirs) contains 0 or lies within the margin, else not.

    B. L. Welch 1947, The generalization of Student's problem, Biometrika 34. Not comparable with one run of ours, or
    where they printed no spread.
    """
    if len(ours) < 2:
        return Verdict("not comparable", None, None, None, "one run of ours has no spread")
    if theirs.spread is None:
        return Verdict("not comparable", None, None, None, "no spread over runs was printed")
    ends = _welch(ours, theirs.mean, *theirs.spread)
    return _settled(ends, margin) or Verdict("not reproduced", *ends, "the interval of the difference excludes 0")


def effect_verdict(ours: Sequence[float], arm: Published, base: Published, margin: float = 0.0) -> Verdict:
    """The verdict on a difference between two arms.

    Reproduced: the Welch interval of (our effect - theirs) contains 0 or lies within the margin. Direction only: same
    sign, and our own 95 % interval of the effect excludes 0. Not reproduced: else. Where they printed no spread the
    direction is all that can be said; without it, or where they printed equal numbers, it is not comparable.

    Args:
        ours: our paired differences, arm minus base, a value a seed.
        arm, base: what was printed of the two arms.
    """
    if len(ours) < 2:
        return Verdict("not comparable", None, None, None, "one pair of runs of ours has no spread")
    own, effect = summary(ours), arm.mean - base.mean
    is_sure = own.ends is not None and not own.ends[0] <= 0 <= own.ends[1]
    same_direction = own.mean * effect > 0 and is_sure
    parts = [one.spread for one in (arm, base) if one.spread is not None]
    if len(parts) < 2:
        if same_direction:
            return Verdict("direction only", own.mean - effect, None, None, "the same sign; no spread was printed")
        return Verdict("not comparable", None, None, None, "no spread over runs was printed")
    variance = sum(part for part, _ in parts)
    df = variance**2 / sum(part**2 / df for part, df in parts) if variance else math.inf
    ends = _welch(ours, effect, variance, df)
    if settled := _settled(ends, margin):
        return settled
    if same_direction:
        return Verdict("direction only", *ends, "the same sign and surely not 0, but another size")
    opposite = own.mean * effect < 0
    return Verdict("not reproduced", *ends, "the opposite sign" if opposite else "our interval contains 0")


def best_of(
    selection: Sequence[float], reported: Sequence[float], printed: float, n: int, *, draws: int = DRAWS
) -> Verdict:
    """Whether a printed best of ``n`` runs lies in the 95 % range of ours under the same selection.

    Our runs are resampled n at a time, the one with the lowest ``selection`` value (training error) is taken each time,
    and its ``reported`` value noted; ``low`` to ``high`` is the range of (ours - printed). Raises: ValueError where the
    two do not have the same length, or n < 1.
    """
    if len(selection) != len(reported) or n < 1:
        raise ValueError("a selection value and a reported value for each run, and n of at least 1")
    if len(selection) < n:
        return Verdict("not comparable", None, None, None, f"a best of {n} needs at least {n} runs of ours")
    drawn = np.random.default_rng(0).integers(0, len(selection), (draws, n))
    chosen = drawn[np.arange(draws), np.asarray(selection)[drawn].argmin(1)]
    best = np.asarray(reported, dtype=np.float64)[chosen] - printed
    low, high = (float(end) for end in np.quantile(best, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    inside = low <= 0 <= high
    reason = f"the printed number lies {'in' if inside else 'outside'} the 95 % range of the best of {n}"
    return Verdict("reproduced" if inside else "not reproduced", float(best.mean()), low, high, reason)


def _welch(ours: Sequence[float], mean: float, variance: float, df: float) -> tuple[float, float, float]:
    """Our mean minus theirs, and the ends of its Welch interval; ``variance`` and ``df`` are of their mean."""
    from scipy import stats

    x_n = np.asarray(ours, dtype=np.float64)
    difference, own = float(x_n.mean()) - mean, float(x_n.std(ddof=1)) ** 2 / len(x_n)
    both = own + variance
    if both == 0:
        return difference, difference, difference
    freedom = both**2 / (own**2 / (len(x_n) - 1) + variance**2 / df)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * both**0.5
    return difference, difference - reach, difference + reach


def _settled(ends: tuple[float, float, float], margin: float) -> Verdict | None:
    """Reproduced, or None."""
    _, low, high = ends
    if low <= 0 <= high:
        return Verdict("reproduced", *ends, "the interval of the difference contains 0")
    if -margin <= low and high <= margin:
        return Verdict("reproduced", *ends, f"the difference lies within the margin of {margin:g}")
    return None
