"""Reported values from statistics with their null and leave-one-out values: p, estimate and interval.

Axes: P permutations, M groups of documents that are left out together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.measured import MEASURES, Measure, Measured
from moe_lab.statistics.documents import jackknife, permutation_p, step_down_max_t
from moe_lab.statistics.paired import LEVEL


@dataclass(frozen=True, eq=False)
class Statistic:
    """A value, with its values under the permutations and without each group of documents; None if there are none.

    chance: the value by chance, if it is known without permutations.
    bias: of the value, if it is known better than by the jackknife.
    ends: of the interval, if it is not the jackknife's.
    left_out: share of the rows that are left out, including those without a label.
    """

    value: float
    null_P: np.ndarray | None = None
    left_out_M: np.ndarray | None = None
    chance: float | None = None
    bias: float | None = None
    ends: tuple[float, float] | None = None
    left_out: float | None = None
    #: the reason if there is no null
    no_null: str = "this measure has no test"


@dataclass(frozen=True, eq=False)
class Sampled:
    """A value before its family is complete: ``found`` without its p, and the null for the p."""

    found: Measured
    statistic: Statistic | None = None
    #: None if the documents allow a small p
    no_p: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Layer, label and other fields of Measured that identify a value."""

    layer: str | None = None
    label: str | None = None
    documents: int = 0
    left_out: float = 0.0
    warnings: tuple[str, ...] = ()


def sampled(measure: str, statistic: Callable[[], Statistic], place: Place, no_p: str | None = None) -> Sampled:
    """Compute a statistic, and turn Undefined into the reason.

    Args:
        measure: its name in the register.
        no_p: the reason why its null cannot give a small p.
    """
    empty = Measured(
        measure=measure,
        unit=MEASURES[measure].unit,
        layer=place.layer,
        label=place.label,
        documents=place.documents,
        left_out=place.left_out,
        warnings=place.warnings,
    )
    try:
        found = statistic()
    except Undefined as undefined:
        return Sampled(replace(empty, reason=str(undefined)))
    return Sampled(_with_interval(replace(empty, value=float(found.value)), found), found, no_p)


def _with_interval(found: Measured, statistic: Statistic) -> Measured:
    chance = statistic.chance if statistic.null_P is None else float(statistic.null_P.mean())
    found = replace(found, null_mean=chance)
    if statistic.left_out is not None:
        found = replace(found, left_out=statistic.left_out)
    if statistic.left_out_M is None and statistic.ends is None:
        return replace(found, interval_reason="this measure has no interval")
    if statistic.left_out_M is not None and len(statistic.left_out_M) < 3:
        return replace(found, interval_reason="too few documents: fewer than three")
    estimate, low, high = interval(statistic, MEASURES[found.measure])
    if low == high:
        return replace(found, interval_reason="the value is the same whichever documents are left out")
    return replace(found, estimate=estimate, low=low, high=high)


def interval(statistic: Statistic, measure: Measure) -> tuple[float, float, float]:
    """The estimate and the ends of the 95 % interval over documents, within the range of a measure that keeps to it."""
    if statistic.ends is not None:
        return (statistic.value, *statistic.ends)
    if statistic.left_out_M is None:
        raise ValueError("a statistic without ends needs leave-one-out values for its interval")
    bounds = (None, None) if measure.is_information else (measure.low, measure.high)
    found = jackknife(statistic.value, statistic.left_out_M, bounds, statistic.bias)
    return found.estimate, found.low, found.high


def with_p(all_sampled: Sequence[Sampled]) -> list[Measured]:
    """The p of every value with a null, adjusted within its measure: all layers x labels are one family."""
    families: dict[str, list[int]] = {}
    for place, one in enumerate(all_sampled):
        if one.statistic is not None and one.statistic.null_P is not None and one.no_p is None:
            families.setdefault(one.found.measure, []).append(place)
    measured = [replace(one.found, p_reason=_why_no_p(one)) for one in all_sampled]
    for places in families.values():
        statistics = [all_sampled[place].statistic for place in places]
        values = [one.value for one in statistics if one is not None]
        nulls = [one.null_P for one in statistics if one is not None and one.null_P is not None]
        for place, value, null_P, adjusted in zip(places, values, nulls, step_down_max_t(values, nulls), strict=True):
            measured[place] = replace(measured[place], p=permutation_p(value, null_P), adjusted_p=adjusted)
    return measured


def _why_no_p(one: Sampled) -> str | None:
    if one.statistic is None:
        return one.found.reason
    return one.no_p if one.statistic.null_P is not None else one.statistic.no_null


def too_few(documents: int, least_p: float, permutations: int) -> str | None:
    """The reason why no p of these documents can be small; None if it can."""
    if least_p > LEVEL:
        return f"too few documents: {documents} allow no p below {least_p:.2g}"
    if 1 / (1 + permutations) > LEVEL:
        return f"too few permutations: {permutations} allow no p below {1 / (1 + permutations):.2g}; take at least 19"
    return None
