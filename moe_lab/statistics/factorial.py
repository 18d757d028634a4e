"""Analysis of variance of a complete factorial design, such as gates x regularizers, with seeds as blocks.

Axes: one per factor, in their order, and last n, the seeds.
"""

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from moe_lab.statistics.intervals import CONFIDENCE, Summary
from moe_lab.statistics.paired import difference_summary

BLOCK, NOISE = "seed", "noise"
LARGE = 1e5

Seed = TypeVar("Seed", bound=Hashable)
#: levels of the factors, in their order
Cell = tuple[str, ...]


class Incomplete(Exception):
    """The design is not complete. The text states what is missing."""


@dataclass(frozen=True)
class Effect:
    """One row of the table. ``share`` of the variance is omega squared (a negative estimate is 0), with the ends of its
    interval. The row of noise has the remaining variance, and no F, p or ends."""

    name: str
    sum_of_squares: float
    df: int
    share: float
    f: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Factorial:
    """The table of an analysis of variance. ``effects``: main effects, interactions, seed, noise. ``levels``: factor ->
    level -> deviation of its runs' mean from the grand mean, over seeds."""

    factors: tuple[str, ...]
    n: int
    effects: tuple[Effect, ...]
    levels: dict[str, dict[str, Summary]]


def factorial(factors: Sequence[str], values: Mapping[Cell, Mapping[Seed, float]]) -> Factorial:
    """Main effects, interactions and shares of variance of ``factors`` over runs of all their combinations.

    y = mean + effects of the factors and their interactions + seed + noise; noise is all interaction with the seed.
    Share of variance: omega^2 = max(0, (SS - df MS_noise) / (SS_total + MS_noise)) (W. L. Hays 1963, Statistics), each
    effect by itself. Its interval: L / (L + rest) at the noncentralities L for which F is its 2.5 % and 97.5 % point
    (J. H. Steiger 2004, Beyond the F test, Psychological Methods 9, eq. 12), where rest is (SS_total + MS_noise) /
    MS_noise less the effect's own SS / MS_noise - df. F needs noise of one variance.

    Args:
        factors: names, at least one.
        values: cell (a level a factor) -> seed -> value.
    Raises: Incomplete if a combination or a seed is missing, or there are fewer than two seeds or levels.
    """
    levels, seeds = _design(factors, values)
    shape = [len(names) for names in levels]
    cells = itertools.product(*levels)
    y = np.array([[values[cell][seed] for seed in seeds] for cell in cells], dtype=np.float64)
    y = y.reshape(*shape, len(seeds))
    return Factorial(tuple(factors), len(seeds), _effects(factors, y), _levels(factors, levels, y))


def _design(factors: Sequence[str], values: Mapping[Cell, Mapping[Seed, float]]) -> tuple[list[Cell], list[Seed]]:
    """The levels of each factor and the seeds that all cells share. Raises Incomplete if a cell or a seed is
    missing."""
    levels = [tuple(dict.fromkeys(cell[place] for cell in values)) for place in range(len(factors))]
    if not factors or min(map(len, levels), default=0) < 2:
        raise Incomplete("no choice was varied")
    for cell in itertools.product(*levels):
        if not values.get(cell):
            words = " ".join(f"{factor}={level}" for factor, level in zip(factors, cell, strict=True))
            raise Incomplete(f"not every combination was run: {words} is missing")
    seeds = list(values[next(iter(values))])
    for cell, by_seed in values.items():
        if set(by_seed) != set(seeds):
            words = " ".join(f"{factor}={level}" for factor, level in zip(factors, cell, strict=True))
            raise Incomplete(f"the combinations do not have the same seeds: {words} has others than the first")
    if len(seeds) < 2:
        raise Incomplete("one seed gives no noise to measure effects against")
    return levels, seeds


def _effects(factors: Sequence[str], y: np.ndarray) -> tuple[Effect, ...]:
    names = {axes: " x ".join(factors[axis] for axis in axes) for axes in _subsets(range(len(factors)))}
    block = (len(factors),)
    squares = _sums_of_squares(y, [*names, block])
    dfs = {axes: math.prod(y.shape[axis] - 1 for axis in axes) for axes in squares}
    total = float(np.square(y - y.mean()).sum())
    noise_df = y.size - 1 - sum(dfs.values())
    noise = max(0.0, total - sum(squares.values()))
    # rounding error of a noise that is zero
    noise = noise if noise > 1e-12 * total else 0.0
    rows = {names.get(axes, BLOCK): (squares[axes], dfs[axes]) for axes in squares}
    if noise == 0 or total == 0:
        shares = {name: ss / total if total else 0.0 for name, (ss, _) in rows.items()}
        effects = [Effect(name, ss, df, shares[name]) for name, (ss, df) in rows.items()]
        return (*effects, Effect(NOISE, noise, noise_df, 0.0))
    return tuple(_tested(rows, total, noise / noise_df, noise_df))


def _tested(rows: Mapping[str, tuple[float, int]], total: float, ms: float, noise_df: int) -> list[Effect]:
    """The effects with their shares, F, p and intervals, and the row of noise. ``rows``: name -> (SS, df)."""
    from scipy import stats

    whole = total / ms + 1
    effects = []
    for name, (ss, df) in rows.items():
        f, estimate = ss / df / ms, ss / ms - df
        rest = whole - estimate
        low, high = (at / (at + rest) for at in noncentrality_interval(f, df, noise_df))
        effects.append(
            Effect(name, ss, df, max(0.0, estimate / whole), f, float(stats.f.sf(f, df, noise_df)), low, high)
        )
    left = 1 - sum(effect.share for effect in effects)
    return [*effects, Effect(NOISE, ms * noise_df, noise_df, left)]


def noncentrality_interval(f: float, df: int, noise_df: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The noncentralities of F(df, noise_df) whose upper and lower tail beyond ``f`` is (1 - confidence) / 2.

    From LARGE on noncentral F cannot be computed reliably, and its numerator is treated as constant: df F chi^2 /
    noise_df.
    """
    from scipy import optimize, stats

    if f >= LARGE:
        tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
        low, high = df * f * stats.chi2.ppf(tails, noise_df) / noise_df
        return float(low), float(high)

    def at(probability: float) -> float:
        def excess(noncentrality: float) -> float:
            return float(stats.ncf.cdf(f, df, noise_df, noncentrality)) - probability

        if excess(0.0) <= 0:
            return 0.0
        top = max(1.0, df * f)
        while excess(top) > 0:
            top *= 2
        return float(optimize.brentq(excess, 0.0, top, rtol=1e-8))

    return at((1 + confidence) / 2), at((1 - confidence) / 2)


def _sums_of_squares(y: np.ndarray, wanted: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    """Set of axes -> sum of squares of its effect: its means minus the effects of all smaller sets."""
    effects: dict[tuple[int, ...], np.ndarray] = {(): y.mean(keepdims=True)}
    for axes in wanted:
        others = tuple(axis for axis in range(y.ndim) if axis not in axes)
        means = y.mean(others, keepdims=True)
        effects[axes] = means - sum(effects[inner] for inner in effects if set(inner) < set(axes))
    return {axes: float(np.square(effects[axes]).sum() * y.size / effects[axes].size) for axes in wanted}


def _levels(factors: Sequence[str], levels: Sequence[Cell], y: np.ndarray) -> dict[str, dict[str, Summary]]:
    grand_n = y.reshape(-1, y.shape[-1]).mean(0)
    found: dict[str, dict[str, Summary]] = {}
    for axis, factor in enumerate(factors):
        others = tuple(other for other in range(y.ndim - 1) if other != axis)
        apart_Ln = y.mean(others) - grand_n
        found[factor] = {level: difference_summary(apart_Ln[place]) for place, level in enumerate(levels[axis])}
    return found


def _subsets(items: Sequence[int]) -> list[tuple[int, ...]]:
    """All non-empty subsets, in order of size."""
    return [axes for size in range(1, len(items) + 1) for axes in itertools.combinations(items, size)]
