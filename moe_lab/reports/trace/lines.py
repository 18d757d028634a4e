"""Measures over the layers as lines: values with their intervals, and values by chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix
from string import digits as DIGITS
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.errors import expect, number_of
from moe_lab.metrics.traces.measured import MEASURES
from moe_lab.metrics.traces.written import Written
from moe_lab.reports.kit.heat import every_nth, shortened
from moe_lab.reports.kit.numbers import UNITS
from moe_lab.reports.kit.picture import FULL, HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, MUTED, faint, label_ends
from moe_lab.reports.trace.values import size, sure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: most layers that are drawn; of more, every nth
DRAWN = 64
#: most layers with their names below a panel
NAMED = 8
#: most letters of such a name
TICK = 9
#: half the length, in layers, of the stroke of a value without neighbours
STROKE = 0.3
Maybe = float | None


@dataclass(frozen=True)
class Line:
    """One value per layer; ``low_L`` and ``high_L`` are the interval, ``sure_L`` is True if it is beyond chance."""

    label: str
    value_L: Sequence[Maybe]
    colour: str
    dash: str = "-"
    low_L: Sequence[Maybe] = ()
    high_L: Sequence[Maybe] = ()
    sure_L: Sequence[bool] = ()


@dataclass(frozen=True)
class Panel:
    title: str
    unit: str
    lines: tuple[Line, ...]


def tested(rows: Sequence[Written | None], colour: str = ACCENT, label: str = "estimate") -> tuple[Line, ...]:
    """The estimates with their intervals, the plug-in values if they differ, and the plug-in values by chance."""
    known = [row for row in rows if row is not None and row.value is not None]
    null = [None if row is None else row.null_mean for row in rows]
    tests = any(row.adjusted_p is not None for row in known)
    estimate = Line(
        label if any(row.estimate is not None for row in known) else "value",
        [None if row is None or row.value is None else size(row) for row in rows],
        colour,
        "-",
        [None if row is None else row.low for row in rows],
        [None if row is None else row.high for row in rows],
        [sure(row) for row in rows] if tests else (),
    )
    lines = [estimate]
    # the null has the bias of the plug-in value, which the estimate is corrected for
    biased = any(MEASURES[row.measure].is_information and row.null_mean is not None for row in known)
    if biased and any(row.value != size(row) for row in known):
        lines.append(Line("plug-in", [None if row is None else row.value for row in rows], colour, ":"))
    if any(one is not None for one in null):
        lines.append(Line("null", null, MUTED, "--"))
    return tuple(lines)


def line_picture(stem: str, title: str, caption: str, layers: Sequence[str], panels: Sequence[Panel]) -> Picture:
    """One panel per measure, two per row; the x axis is the layers in the order of the model."""
    shown = every_nth(len(layers), DRAWN)
    columns = min(2, len(panels))
    width, lines = FULL if columns == 2 else HALF, -(-len(panels) // columns)

    def paint(figure: "Figure", axes: "Axes") -> None:
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        axes.remove()
        expect(ConstrainedLayoutEngine, figure.get_layout_engine()).set(hspace=0.1)
        grid = figure.subplots(lines, columns, squeeze=False).flatten()
        for place, axis in enumerate(grid):
            if place >= len(panels):
                axis.remove()
                continue
            _paint(axis, panels[place], shown)
            _name_layers(axis, layers, shown)

    rows = tuple(
        {"layer": layer}
        | {f"{panel.title}: {name}": cells[at] for panel in panels for name, cells in _columns(panel) if cells}
        for at, layer in enumerate(layers)
    )
    left_out = "" if len(shown) == len(layers) else f" Every {shown.step}th of {len(layers)} layers is drawn."
    return Picture(
        stem, title, _alt(title, layers, panels), caption + left_out, draw(width, 2.7 * lines, paint), rows, width
    )


def _columns(panel: Panel) -> list[tuple[str, Sequence[Maybe]]]:
    return [
        (f"{line.label}{suffix}", cells)
        for line in panel.lines
        for suffix, cells in (("", line.value_L), (" low", line.low_L), (" high", line.high_L))
    ]


def _paint(axes: "Axes", panel: Panel, shown: range) -> None:
    scale = 100 if panel.unit == "fraction" else 1
    ends = []
    for line in panel.lines:
        value_L = _numbers(line.value_L, shown) * scale
        if not np.isfinite(value_L).any():
            continue
        stroke: dict[str, Any] = {"color": line.colour, "linestyle": line.dash, "linewidth": 1.5}
        axes.plot(list(shown), value_L, **stroke)
        # a line through one point draws nothing
        alone = _alone(value_L)
        places = np.array(shown)[alone]
        axes.hlines(value_L[alone], places - STROKE, places + STROKE, **stroke)
        if line.low_L:
            low_L, high_L = _numbers(line.low_L, shown) * scale, _numbers(line.high_L, shown) * scale
            axes.vlines(list(shown), low_L, high_L, color=faint(line.colour), linewidth=2.4)
        if line.sure_L:
            filled = [line.colour if line.sure_L[at] else "white" for at in shown]
            axes.scatter(list(shown), value_L, c=filled, edgecolors=line.colour, s=20, linewidths=1.1, zorder=3)
        ends.append((float(value_L[np.flatnonzero(np.isfinite(value_L))[-1]]), line.label, line.colour))
    unit = UNITS.get(panel.unit, panel.unit)
    axes.set_title(f"{panel.title}{f' ({unit})' if unit else ''}")
    axes.grid(axis="y")
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), 1.04 * high if high > 0 else 1.0)
    label_ends(axes, ends)


def _alone(value_L: np.ndarray) -> np.ndarray:
    """The places of the finite values without a finite neighbour."""
    there_L = np.isfinite(np.concatenate([[math.nan], value_L, [math.nan]]))
    return np.flatnonzero(there_L[1:-1] & ~there_L[:-2] & ~there_L[2:])


def _name_layers(axes: "Axes", layers: Sequence[str], shown: range) -> None:
    named = list(shown)[:: math.ceil(len(shown) / NAMED)]
    axes.set_xticks(named, [tick_names(layers)[at] for at in named], fontsize=7.5, parse_math=False)
    axes.margins(x=0.04)


def tick_names(layers: Sequence[str]) -> list[str]:
    """The part of layers' names in which they differ, with whole numbers: ``3`` of ``model.layers.3.mlp``."""
    if len(layers) < 2:
        return [shortened(layer, TICK) for layer in layers]
    start, end = commonprefix(list(layers)), commonprefix([layer[::-1] for layer in layers])[::-1]
    start, end = start.rstrip(DIGITS), end.lstrip(DIGITS)
    names = [layer.removeprefix(start) for layer in layers]
    names = [name.removesuffix(end) for name in names]
    return [shortened(name, TICK) for name in (names if all(names) else layers)]


def _numbers(cells: Sequence[Maybe], shown: range) -> np.ndarray:
    return np.array([math.nan if cells[at] is None else cells[at] for at in shown], dtype=np.float64)


def _alt(title: str, layers: Sequence[str], panels: Sequence[Panel]) -> str:
    parts = []
    for panel in panels:
        known = [(one, at) for at, one in enumerate(panel.lines[0].value_L) if one is not None]
        if known:
            most, at = max(known)
            place = f" in {shortened(layers[at])}" if len(layers) > 1 else ""
            span = f"from {min(known)[0]:.3g} to {most:.3g}, the most" if len(known) > 1 else f"{most:.3g}"
            parts.append(f"{panel.title}: {span}{place}")
    return f"{title}, {number_of(len(layers), 'layer')}. {'; '.join(parts) or 'No values'}."
