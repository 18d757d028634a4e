"""Pictures of one metric, one row per arm: a point per seed, the mean and its interval."""

import re
from collections.abc import Sequence

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.look import ROWS, Look, cut, label, seeds_text
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.arms.strip import Strip, strip_plot
from moe_lab.reports.arms.words import shown, with_unit
from moe_lab.reports.kit.headline import BETTER
from moe_lab.reports.kit.picture import HALF, Picture
from moe_lab.statistics import Summary

#: how far an interval may extend beyond the points, as a fraction of their range, before it is cut
REACH = 0.75
#: most arms on the first screen
FIRST = 12


def dots(measured: Measured, name: str, look: Look) -> Picture:
    """The picture of the metric ``name``: all arms, the best first."""
    quantity = measured.quantities[name]
    arms = _having(measured, name)
    summaries = [measured.summaries[name][arm.key] for arm in arms]
    definition = f"{quantity.definition.rstrip('.')}." if quantity.definition else ""
    partly = "".join(f" {arm.key}: {one}." for arm in arms for one in [measured.undefined(arm, name)] if one)
    better = f" {BETTER[quantity.better].capitalize()}." if BETTER[quantity.better] else ""
    caption = f"{definition}{better} {_counts(summaries)}{partly}{_base(measured, name)}{cut(len(arms), ROWS)}"
    return _picture(measured, name, arms[:ROWS], look, stem(name), caption)


def forest(measured: Measured, look: Look) -> tuple[Picture, ...]:
    """A picture of each primary metric: the best arms and the reference."""
    return tuple(_best_arms(measured, name, look) for name in measured.primary)


def _best_arms(measured: Measured, name: str, look: Look) -> Picture:
    quantity, having = measured.quantities[name], _having(measured, name)
    arms = [arm for arm in first_arms(measured) if arm in having]
    summaries = [measured.summaries[name][arm.key] for arm in arms]
    better = f"{BETTER[quantity.better].capitalize()}. " if BETTER[quantity.better] else ""
    star = " * differs from it beyond chance." if any(one.sure for one in measured.comparisons.values()) else ""
    cut_to = f" The best {FIRST} of {len(having)} arms." if len(arms) < len(having) else ""
    caption = f"{better}{_counts(summaries)}{_base(measured, name)}{star}{cut_to}"
    return _picture(measured, name, arms, look, f"best_{stem(name)}", caption)


def first_arms(measured: Measured) -> list[Arm]:
    """The arms on the first screen: the best ones and the reference."""
    best = measured.ranked[:FIRST]
    return [*best, *([] if measured.baseline in best else [measured.baseline])]


def _having(measured: Measured, name: str) -> list[Arm]:
    return [arm for arm in measured.ranked if arm.key in measured.summaries[name]]


def _picture(measured: Measured, name: str, arms: Sequence[Arm], look: Look, file: str, caption: str) -> Picture:
    quantity, summaries = measured.quantities[name], measured.summaries[name]
    rows = tuple(
        {"arm": arm.key, "seed": one.seed_word, name: one.scalars[name], "unit": quantity.unit}
        for arm in _having(measured, name)
        for one in arm.counted
        if name in one.scalars
    )
    values = "; ".join(f"{arm.key} {shown(quantity, summaries[arm.key].mean)}" for arm in arms)
    alt = f"{quantity.axis} of {len(arms)} arms. Means: {values}."
    return Picture(file, quantity.label, alt, caption, _drawn(measured, name, arms, look), rows, HALF)


def stem(name: str) -> str:
    """A file name for a metric, whatever its own name is."""
    return "metric_" + re.sub(r"[^A-Za-z0-9_]+", "_", name)[:80]


def _counts(summaries: Sequence[Summary]) -> str:
    counts = [one.n for one in summaries]
    if max(counts) == 1:
        return "n = 1 seed per arm."
    methods = " or ".join(sorted({one.method for one in summaries if one.low is not None}))
    warned = sorted({one.warning for one in summaries if one.warning})
    bars = f"{seeds_text(counts)}; bars: 95 % interval of the mean ({methods})."
    return " ".join([bars, *map(_sentence, warned)])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _base(measured: Measured, name: str) -> str:
    found = measured.summaries[name].get(measured.baseline.key)
    if found is None or len(measured.shown) < 2:
        return ""
    quantity = measured.quantities[name]
    return f" Dotted: {measured.baseline.key}, {with_unit(quantity, shown(quantity, found.mean))}."


def _drawn(measured: Measured, name: str, arms: Sequence[Arm], look: Look) -> bytes:
    quantity, summaries = measured.quantities[name], measured.summaries[name]
    strips = [_strip(measured, name, arm, look) for arm in arms]
    points = [value for one in strips for value in one.values]
    ends = [end for one in strips for end in (one.low, one.high) if end is not None]
    base = summaries.get(measured.baseline.key) if len(arms) > 1 else None
    return strip_plot(strips, limits(points, ends), quantity.axis, None if base is None else quantity.scale * base.mean)


def _strip(measured: Measured, name: str, arm: Arm, look: Look) -> Strip:
    found, scale = measured.summaries[name][arm.key], measured.quantities[name].scale
    comparison = measured.comparisons.get((arm.key, name))
    return Strip(
        f"{label(arm)} *" if comparison and comparison.sure else label(arm),
        [scale * value for value in arm.values(name).values()],
        scale * found.mean,
        None if found.low is None else scale * found.low,
        None if found.high is None else scale * found.high,
        look.colour[arm.key],
        look.marker[arm.key],
    )


def limits(points: Sequence[float], ends: Sequence[float]) -> tuple[float, float]:
    """The limits of the x axis: all points, and intervals up to REACH of the points' range."""
    low, high = min(points), max(points)
    span = high - low or abs(high) or 1.0
    left = max(min([*ends, low]), low - REACH * span)
    right = min(max([*ends, high]), high + REACH * span)
    return left - 0.06 * span, right + 0.06 * span
