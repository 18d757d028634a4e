"""The figure of a study: every run of every arm beside what was published."""

import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moe_lab.reports.kit.picture import FULL, draw
from moe_lab.reports.kit.style import ACCENT, INK, MUTED, WARM
from moe_lab.sweeps.studies.measured import Line, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: height of a row, and of what is above and below the rows, in inches
ROW, MARGIN = 0.36, 1.0
#: most metrics side by side; more go below
SIDE_BY_SIDE = 4
#: most characters in a line of a panel's title
TITLE_WIDTH = 30
#: the values of an arm's runs in a metric
Values = Mapping[tuple[str, str], Collection[float]]

#: the share of all runs that an axis shows; what lies beyond stands as an arrow at its end
SHOWN = 0.98


def study_figure(lines: Sequence[Line], measured: Measured) -> bytes | None:
    """The SVG: a panel for each metric that has values, a row an arm in it; None if no run has finished."""
    values = {(line["arm"], line["name"]): measured.values(line["arm"], line["name"]).values() for line in lines}
    arms = list(dict.fromkeys(line["arm"] for line in lines))
    labels = {line["name"]: line["metric"] for line in lines if values[line["arm"], line["name"]]}
    if not labels:
        return None

    columns = min(SIDE_BY_SIDE, len(labels))
    below = math.ceil(len(labels) / columns)

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        panels = figure.subplots(below, columns, sharey=True, squeeze=False)
        for panel, (name, label) in zip(panels.flat, labels.items(), strict=False):
            _column(panel, arms, [line for line in lines if line["name"] == name], values)
            panel.set_title(textwrap.fill(f"{label}, bits" if name.endswith("_bits") else label, TITLE_WIDTH))
        for panel in panels.flat[len(labels) :]:
            panel.remove()
        first = panels[0, 0]
        first.set_yticks(range(len(arms)), arms)
        first.set_ylim(len(arms) - 0.4, -0.6)

    return draw(FULL, (MARGIN + ROW * len(arms)) * below, paint)


def _column(axes: "Axes", arms: Sequence[str], lines: Sequence[Line], values: Values) -> None:
    of_arm = {line["arm"]: line for line in lines}
    low, high = _ends(lines, [value for line in lines for value in values.get((line["arm"], line["name"]), ())])
    if 0 < 4 * low < high:
        _logarithmic(axes, decades=math.log10(high / low))
        low, high = 0.9 * low, 1.1 * high
    else:
        axes.locator_params(axis="x", nbins=4)
        room = 0.05 * (high - low) or 0.05
        low, high = low - room, high + room
    axes.set_xlim(low, high)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    for place, arm in enumerate(arms):
        if arm in of_arm:
            line = of_arm[arm]
            _theirs(axes, place - 0.18, line)
            _ours(axes, place + 0.16, line, values.get((arm, line["name"]), ()), high)


def _theirs(axes: "Axes", y: float, line: Line) -> None:
    if line["published_mean"] is not None:
        spread = line["published_sd"] or 0.0
        axes.plot([line["published_mean"] - spread, line["published_mean"] + spread], [y, y], color="#c3c9d0", lw=5)
        axes.plot([line["published_mean"]], [y], "|", color=MUTED, ms=8, mew=1.6)
    if line["published_best"] is not None:
        axes.plot([line["published_best"]], [y], "D", color=MUTED, ms=4, mfc="white", mew=1)


def _ours(axes: "Axes", y: float, line: Line, values: Collection[float], high: float) -> None:
    if not values:
        return
    colour = WARM if line["verdict"] == "different" else ACCENT
    axes.plot(list(values), [y] * len(values), "o", color=colour, ms=3.5, mew=0, alpha=0.35)
    if line["low"] is not None:
        axes.plot([line["low"], line["high"]], [y, y], color=colour, lw=1.6)
    axes.plot([line["mean"]], [y], "|", color=colour, ms=9, mew=2.2)
    if max(values) > high:
        axes.plot([0.985], [y], ">", color=colour, ms=5, mew=0, transform=axes.get_yaxis_transform())


def _logarithmic(axes: "Axes", decades: float) -> None:
    """Errors of a single network and of mixtures lie far apart, entropies of collapsed runs and others further."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if decades < 2 else LogLocator(numticks=4))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _ends(lines: Sequence[Line], points: Sequence[float]) -> tuple[float, float]:
    """All that was published, and ``SHOWN`` of the runs."""
    inner: list[Any] = sorted(points)[: max(1, round(SHOWN * len(points)))]
    for line in lines:
        if line["published_mean"] is not None:
            spread = line["published_sd"] or 0.0
            inner += [line["published_mean"] - spread, line["published_mean"] + spread]
        if line["published_best"] is not None:
            inner.append(line["published_best"])
    return min(inner), max(inner)
