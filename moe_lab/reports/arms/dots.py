"""One metric: every seed a point, the mean, its interval, a row an arm."""

import math
import re
from collections.abc import Sequence

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.findings import shown, with_unit
from moe_lab.reports.arms.look import ROWS, Look, cut, seeds_told
from moe_lab.reports.arms.measured import Measured, Quantity
from moe_lab.reports.headline import BETTER
from moe_lab.reports.picture import HALF, Picture, draw
from moe_lab.reports.style import INK
from moe_lab.statistics import Summary

#: an interval may reach so far beyond the points, in parts of their range, before it is cut
REACH = 0.75


def dots(measured: Measured, name: str, look: Look) -> Picture:
    """The section of the metric ``name``."""
    quantity = measured.quantities[name]
    arms = [arm for arm in measured.shown if arm.key in measured.summaries[name]]
    summaries = [measured.summaries[name][arm.key] for arm in arms]
    rows = tuple(
        {"arm": arm.key, "seed": one.seed_word, name: one.scalars[name], "unit": quantity.unit}
        for arm in arms
        for one in arm.counted
        if name in one.scalars
    )
    told = "; ".join(f"{arm.key} {shown(quantity, one.mean)}" for arm, one in zip(arms, summaries, strict=True))
    definition = f"{quantity.definition.rstrip('.')}." if quantity.definition else ""
    better = f" {BETTER[quantity.better].capitalize()}." if BETTER[quantity.better] else ""
    caption = f"{definition}{better} {_counts(summaries)}{_base(measured, name)}{cut(len(arms), ROWS)}"
    return Picture(
        stem(name),
        quantity.label,
        f"{quantity.axis} of {len(arms)} arms. Means: {told}.",
        caption,
        draw(HALF, 0.85 + 0.27 * max(2, min(ROWS, len(arms))), _painter(measured, quantity, arms[:ROWS], look)),
        rows,
        HALF,
    )


def stem(name: str) -> str:
    """The name of a metric's files, whatever its own name is."""
    return "metric_" + re.sub(r"[^A-Za-z0-9_]+", "_", name)[:80]


def _counts(summaries: Sequence[Summary]) -> str:
    counts = [one.n for one in summaries]
    if max(counts) == 1:
        return "n = 1 seed an arm."
    methods = " or ".join(sorted({one.method for one in summaries if one.low is not None}))
    warned = sorted({one.warning for one in summaries if one.warning})
    bars = f"{seeds_told(counts)}; bars: 95 % interval of the mean ({methods})."
    return " ".join([bars, *map(_sentence, warned)])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _base(measured: Measured, name: str) -> str:
    found = measured.summaries[name].get(measured.baseline.key)
    if found is None or len(measured.shown) < 2:
        return ""
    quantity = measured.quantities[name]
    return f" Dotted: {measured.baseline.key}, {with_unit(quantity, shown(quantity, found.mean))}."


def _painter(measured: Measured, quantity: Quantity, arms: Sequence[Arm], look: Look):
    summaries, scale = measured.summaries[quantity.name], quantity.scale

    def paint(figure, axes):
        # labels are short and of known size, so the margins need no layout engine, which takes half of the time
        figure.set_layout_engine(None)
        wide, tall = figure.get_size_inches()
        left = 0.16 + 0.09 * max(len(_tick(measured, arm, quantity.name)) for arm in arms)
        figure.subplots_adjust(left / wide, 0.55 / tall, 1 - 0.12 / wide, 1 - 0.08 / tall)
        points: list[float] = []
        for place, arm in enumerate(arms):
            values = [scale * value for value in arm.values(quantity.name).values()]
            points += values
            _row(axes, place, values, summaries[arm.key], scale, (look.colour[arm.key], look.marker[arm.key]))
        base = summaries.get(measured.baseline.key)
        if base and len(arms) > 1:
            axes.axvline(scale * base.mean, color=INK, linewidth=0.8, linestyle=":", zorder=0)
        axes.set_yticks(range(len(arms)), [_tick(measured, arm, quantity.name) for arm in arms])
        axes.set_ylim(len(arms) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(quantity.axis, loc="right")
        ends = [
            scale * end for arm in arms for end in (summaries[arm.key].low, summaries[arm.key].high) if end is not None
        ]
        axes.set_xlim(*limits(points, ends))

    return paint


def _row(axes, place: int, values: Sequence[float], found: Summary, scale: float, look: tuple[str, str]) -> None:
    colour, marker = look
    if found.low is not None:
        axes.plot([scale * found.low, scale * found.high], [place, place], color=colour, linewidth=2.2, zorder=2)
    if len(values) > 1:
        # seeds stand apart from the bar, in two lines where there are many
        heights = [place + (0.3 if turn % 2 else 0.22) for turn in range(len(values))]
        points(axes, list(zip(values, heights, strict=True)), colour, 3.4)
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 4}
    axes.plot(scale * found.mean, place, marker, color=colour, markersize=7, **edge)


def points(axes, places: Sequence[tuple[float, float]], colour: str, size: float) -> None:
    """Points as one path of strokes of no length with round caps: a tenth of the bytes of a marker each."""
    xs = [value for x, _ in places for value in (x, x, math.nan)]
    ys = [value for _, y in places for value in (y, y, math.nan)]
    axes.plot(xs, ys, color=colour, linewidth=size, solid_capstyle="round", alpha=0.7, zorder=3)


def _tick(measured: Measured, arm: Arm, name: str) -> str:
    comparison = measured.comparisons.get((arm.key, name))
    return f"{arm.key} *" if comparison and comparison.sure else arm.key


def limits(points: Sequence[float], ends: Sequence[float]) -> tuple[float, float]:
    """The x axis: all points, and intervals as far as REACH of the points' range."""
    low, high = min(points), max(points)
    span = high - low or abs(high) or 1.0
    left = max(min([*ends, low]), low - REACH * span)
    right = min(max([*ends, high]), high + REACH * span)
    return left - 0.06 * span, right + 0.06 * span
