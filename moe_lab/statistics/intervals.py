"""Means and rates over seeds with intervals, and warnings if a mean is not informative. Axis: n seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

#: from this many seeds on the interval of a mean is a BCa bootstrap. Below it is Student t, because the bootstrap
#: covers too seldom (83 % at n = 5, 90 % at n = 10, for a nominal 95 %)
BOOTSTRAP_FROM = 20
#: the least and the greatest possible value of a quantity; None is no bound
Bounds = tuple[float | None, float | None]
UNBOUNDED: Bounds = (None, None)
CONFIDENCE = 0.95
#: relative difference (to the largest value) up to which values count as equal
ROUNDING = 1e-12
RESAMPLES = 1_999
#: rate at which values of one normal population are mistaken for two groups
MODES_LEVEL = 0.01
MODES_DRAWS = 4_000


@dataclass(frozen=True)
class Summary:
    """n values: mean, sd (divisor n - 1; None for one value), and the ends of the interval of the mean (None if
    there is none). ``method`` names the interval, ``warning`` is the reason why it may not be valid."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    method: str
    warning: str | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """``low`` and ``high``; None if there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Rate:
    """The rate ``count`` of ``n``, with the ends of its Clopper-Pearson interval."""

    count: int
    n: int
    low: float
    high: float


def summary(
    values: Sequence[float], bounds: Bounds = UNBOUNDED, *, collapsed: int = 0, confidence: float = CONFIDENCE
) -> Summary:
    """Mean, sd and the interval of the mean: Student t below 20 values, BCa bootstrap (seeded) from 20.

    t: ``student_ends`` (Student 1908), which stays within the bounds. BCa: Efron 1987, Better bootstrap confidence
    intervals, JASA 82; its ends lie between the least and the greatest value. Equal values have an interval of width
    zero. For paired differences use ``difference_summary``.

    Args:
        values: finite numbers, at least one.
        bounds: bounds of the quantity; values that exceed them by rounding widen them.
        collapsed: number of collapsed runs among them; some, but not all, give a warning, as two modes do.
    Raises: ValueError if there is no value, or one is not finite.
    """
    x_n = np.asarray(values, dtype=np.float64)
    if x_n.size == 0 or not np.isfinite(x_n).all():
        raise ValueError("a summary needs at least one number, and all finite")
    n, mean = len(x_n), float(x_n.mean())
    if n == 1:
        return Summary(1, mean, None, None, None, "none: one seed")
    sd = float(x_n.std(ddof=1))
    low, high, method = _interval(x_n, bounds, confidence)
    return Summary(n, mean, sd, low, high, method, mixture_warning(x_n, collapsed))


def _interval(x_n: np.ndarray, bounds: Bounds, confidence: float) -> tuple[float, float, str]:
    from scipy import stats

    if are_equal(x_n):
        return float(x_n.mean()), float(x_n.mean()), "all values are equal"
    if len(x_n) < BOOTSTRAP_FROM:
        least, greatest = bounds
        low = None if least is None else min(least, float(x_n.min()))
        high = None if greatest is None else max(greatest, float(x_n.max()))
        ends = student_ends(float(x_n.mean()), float(stats.sem(x_n)), len(x_n) - 1, (low, high), confidence)
        scale = (low is not None) + (high is not None)
        return *ends, ("Student t", "Student t of the logarithm", "Student t of the logit")[scale]
    words = {"confidence_level": confidence, "n_resamples": RESAMPLES, "method": "BCa"}
    found = stats.bootstrap((x_n,), np.mean, rng=np.random.default_rng(0), **words).confidence_interval
    return float(found.low), float(found.high), "BCa bootstrap"


def are_equal(x_n: np.ndarray) -> bool:
    """Whether the values are equal up to rounding."""
    return bool(np.ptp(x_n) <= ROUNDING * np.abs(x_n).max() or x_n.std() == 0)


def student_ends(
    mean: float, error: float, df: float, bounds: Bounds = UNBOUNDED, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval mean +- t_df error on a scale without bounds, transformed back, so that its ends stay within the
    bounds.

    Between two bounds the scale is g(m) = log((m - low) / (high - m)), with one it is the logarithm of the distance to
    it, else m itself; the error on it is error g'(mean) (G. W. Oehlert 1992, A note on the delta method, American
    Statistician 46). Coverage by simulation: benchmarks/results/coverage.csv.

    Args:
        mean: of the values; strictly between the bounds.
        error: standard error of the mean.
        df: degrees of freedom.
    """
    from scipy import special, stats

    reach = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    low, high = bounds
    if low is not None and high is not None:
        at, step = special.logit((mean - low) / (high - low)), reach * (high - low) / ((mean - low) * (high - mean))
        ends = low + (high - low) * special.expit([at - step, at + step])
        return float(ends[0]), float(ends[1])
    if low is not None:
        return low + (mean - low) * math.exp(-reach / (mean - low)), low + (mean - low) * _exp(reach / (mean - low))
    if high is not None:
        return high - (high - mean) * _exp(reach / (high - mean)), high - (high - mean) * math.exp(
            -reach / (high - mean)
        )
    return mean - reach, mean + reach


def _exp(power: float) -> float:
    """e^power, at most the largest float."""
    return math.exp(min(power, 700.0))


def mixture_warning(x_n: np.ndarray, collapsed: int = 0) -> str | None:
    """Why the mean of these values is not informative: some runs collapsed, or the values form two groups; None if
    neither."""
    if 0 < collapsed < len(x_n):
        return f"{collapsed} of {len(x_n)} runs collapsed: the mean mixes two kinds of run, and no interval holds well"
    if two_modes(x_n):
        return "the values fall into two groups: the mean lies in neither, and no interval holds well"
    return None


def two_modes(values: Sequence[float] | np.ndarray, level: float = MODES_LEVEL) -> bool:
    """Whether the values fall into two groups, of at least two each, more clearly than one normal population does.

    The share of the sum of squares that the best split explains (J. A. Hartigan 1978, Asymptotic distributions for
    clustering criteria, Annals of Statistics 6), against its distribution over seeded normal samples of the same size.
    False below four values.
    """
    x_n = np.sort(np.asarray(values, dtype=np.float64))
    if len(x_n) < 4 or x_n[-1] - x_n[0] <= ROUNDING * np.abs(x_n).max():
        return False
    # squares of values near the smallest float64 would be 0
    x_n = (x_n - x_n[0]) / (x_n[-1] - x_n[0])
    return float(_split_share(x_n[None])[0]) > _split_limit(len(x_n), level)


def _split_share(sorted_Rn: np.ndarray) -> np.ndarray:
    """Largest between-group share of the sum of squares over all splits of sorted values into two groups of two."""
    n = sorted_Rn.shape[-1]
    centred_Rn = sorted_Rn - sorted_Rn.mean(-1, keepdims=True)
    left_k = np.arange(2, n - 1)
    sums_Rk = np.cumsum(centred_Rn, -1)[:, 1 : n - 2]
    between_Rk = np.square(sums_Rk) * (1 / left_k + 1 / (n - left_k))
    return between_Rk.max(-1) / np.square(centred_Rn).sum(-1)


@lru_cache(maxsize=256)
def _split_limit(n: int, level: float) -> float:
    rng = np.random.default_rng(n)
    return float(np.quantile(_split_share(np.sort(rng.normal(size=(MODES_DRAWS, n)), -1)), 1 - level))


def rate(count: int, n: int, confidence: float = CONFIDENCE) -> Rate:
    """A share of runs with its exact interval (Clopper and Pearson 1934, Biometrika 26). Raises ValueError at n = 0."""
    from scipy import stats

    ends = stats.binomtest(count, n).proportion_ci(confidence, "exact")
    return Rate(count, n, float(ends.low), float(ends.high))


def rate_summary(values: Sequence[float]) -> Summary:
    """The share of ones among values that are 0 or 1, with the interval of ``rate``."""
    counted = rate(int(sum(values)), len(values))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(counted.n, counted.count / counted.n, sd, counted.low, counted.high, "Clopper-Pearson")
