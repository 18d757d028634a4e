"""One figure per target: one bar per case, with marks at the least and at the aim."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, NullFormatter, StrMethodFormatter

from benchmarks.rows import Row
from moe_lab.reports.kit.style import ACCENT, INK, MUTED, RC, WARM


def draw(title: str, rows: Sequence[Row], path: Path) -> None:
    """Ratios on a logarithmic axis, so that 2 and 1/2 are equally far from 1."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 0.9 + 0.26 * len(rows)), layout="constrained")
        axes = figure.subplots()
        places = range(len(rows))
        colours = [ACCENT if row.ratio >= row.least else WARM for row in rows]
        axes.barh(places, [row.ratio for row in rows], color=colours, height=0.6)
        for name, style, values in (
            ("least", "|", [row.least for row in rows]),
            ("aim", "d", [row.aim for row in rows]),
        ):
            axes.plot(values, places, style, color=INK, markersize=7 if style == "|" else 4, label=name)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        ends = [value for row in rows for value in (row.ratio, row.aim)]
        if max(ends) < 10 * min(ends):
            axes.xaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 1)))
        axes.set_yticks(places, [f"{row.case}  {row.ratio:.3g}" for row in rows])
        axes.invert_yaxis()
        axes.set_title(title)
        axes.set_xlabel("baseline's time / own time (more is better)", loc="right")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0, labelcolor=MUTED)
        figure.legend(frameon=False, loc="outside lower left", ncols=2)
        figure.savefig(path, metadata={"Date": None})
