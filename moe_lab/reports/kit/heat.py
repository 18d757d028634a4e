"""Heat maps over pairs of experts, and tables of experts against values of a target. Axes: E experts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.formulas import arg_max
from moe_lab.reports.kit.numbers import share, signed
from moe_lab.reports.kit.picture import FULL, HALF, Picture, draw
from moe_lab.reports.kit.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: up to this number of experts, values are written into the cells
WRITTEN = 8
#: name -> values [E, E], NaN if there is none; name of the colour map, and its ends
Panels = Mapping[str, tuple[np.ndarray, str, float, float]]


def heat_maps(stem: str, title: str, panels: Panels, caption: str, width: float) -> Picture:
    """One panel per name. The diagonal, an expert with itself, is left out."""
    shown = {name: (_without_diagonal(one[0]), *one[1:]) for name, one in panels.items()}
    experts = len(next(iter(shown.values()))[0])
    height = 3.1 if width == HALF else 3.4

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        for place, (panel, (name, (values_EE, colours, low, high))) in enumerate(
            zip(np.atleast_1d(figure.subplots(1, len(shown))), shown.items(), strict=True)
        ):
            image = panel.imshow(values_EE, cmap=colours, vmin=low, vmax=high)
            panel.set_title(name)
            step = max(1, math.ceil(experts / 16))
            ticks = range(0, experts, step)
            panel.set_xticks(ticks)
            panel.set_yticks(ticks)
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            if place == 0:
                panel.set_ylabel("expert", loc="top")
            panel.set_xlabel("expert", loc="right")
            bar = figure.colorbar(image, ax=panel, location="bottom", shrink=0.8, aspect=24, pad=0.03)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7.5)
            if experts <= WRITTEN:
                _write(panel, values_EE, low, high, 7.5 if len(shown) > 2 else 8)

    rows = tuple(
        {"expert": e, "other": f, **{name: _cell(values_EE[e, f]) for name, (values_EE, *_) in shown.items()}}
        for e in range(experts)
        for f in range(e + 1, experts)
    )
    known = {name: values_EE for name, (values_EE, *_) in shown.items() if np.isfinite(values_EE).any()}
    means = ", ".join(f"{name} {np.nanmean(values_EE):.2f}" for name, values_EE in known.items())
    return Picture(
        stem,
        title,
        f"Heat maps over all pairs of {experts} experts. Means over pairs: {means or 'none'}.",
        caption,
        draw(width, height, paint),
        rows,
        width,
    )


def _without_diagonal(values_EE: np.ndarray) -> np.ndarray:
    shown_EE = values_EE.astype(np.float64)
    np.fill_diagonal(shown_EE, math.nan)
    return shown_EE


def _write(panel: "Axes", values_EE: np.ndarray, low: float, high: float, size: float) -> None:
    digits = ".0f" if high > 2 else ".2f"
    for e, f in np.argwhere(np.isfinite(values_EE)):
        place = (values_EE[e, f] - low) / (high - low)
        dark = abs(2 * place - 1) > 0.66 if low < 0 else place > 0.6
        text = signed(f"{values_EE[e, f]:{digits}}").replace("0.", ".", 1)
        panel.text(f, e, text, ha="center", va="center", fontsize=size, color="white" if dark else INK)


def _cell(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


#: above these sizes, rows are lower and counts are left out; experts are named without their load
MANY_CLASSES, MANY_EXPERTS = 40, 16
#: with more rows or columns than this, only every nth is named, the height stays that of so many rows, and no lines are
#: drawn between cells
MOST_NAMED = 128


@dataclass(frozen=True)
class Words:
    """The words for a table of experts against the values of a target.

    ``one`` is a value's in the figure, ``column`` that in its CSV, and ``head`` describes the expert of a sample.
    """

    stem: str
    title: str
    one: str
    column: str
    head: str
    caption: str


def heat_map(counts_EC: np.ndarray, class_names: Sequence[str], order: Sequence[int], words: Words) -> Picture:
    """Counts of samples by expert and value of the target, the values from top to bottom in ``order``."""
    experts, classes = counts_EC.shape
    counts_CE = counts_EC.T[order]
    share_CE = counts_CE / np.maximum(counts_CE.sum(1, keepdims=True), 1)
    dense, roomy = classes > MANY_CLASSES, experts <= MANY_EXPERTS
    cell = 0.15 * min(1, MOST_NAMED / classes) if dense else 0.29
    width = min(FULL, max(HALF, 1.9 + experts * (0.52 if roomy else 0.27)))

    def paint(figure: "Figure", axes: "Axes") -> None:
        image = axes.imshow(share_CE, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        small = 6 if dense else 8.5
        named_classes, named_experts = every_nth(classes, MOST_NAMED), every_nth(experts, MOST_NAMED // 3)
        names = [shortened(class_names[order[row]]) for row in named_classes]
        axes.set_yticks(named_classes, names, fontsize=small, parse_math=False)
        heads = [str(e) for e in named_experts]
        if roomy:
            heads = [f"{e}\n{share(load, counts_EC.sum())}" for e, load in enumerate(counts_EC.sum(1))]
        axes.set_xticks(named_experts, heads, fontsize=8.5 if experts <= 32 else 6, linespacing=1.4)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.set_xlabel(f"{words.head}, and its share of the samples" if roomy else words.head, loc="left")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel(f"true {words.one}", loc="top")
        axes.spines[:].set_visible(False)
        if max(classes, experts) <= MOST_NAMED:
            _rule_cells(axes, classes, experts)
        if roomy and not dense:
            _write_counts(axes, counts_CE, share_CE)
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.6, aspect=34, pad=0.02, anchor=(0.0, 1.0))
        bar.outline.set_visible(False)
        bar.set_label(f"share of the {words.one} (%)", loc="left")
        bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])

    rows = tuple(
        {words.column: c, f"{words.column}_name": class_names[c]}
        | {f"expert_{e}": int(counts_EC[e, c]) for e in range(experts)}
        for c in range(classes)
    )
    height = 1.5 + cell * classes
    return Picture(
        words.stem,
        words.title,
        f"Heat map, one row per {words.one} ({classes}), one column per expert ({experts}). "
        f"{_main_classes(counts_EC, class_names)}",
        words.caption,
        draw(width, height, paint),
        rows,
        width,
        paint,
        height,
    )


def shortened(name: str, limit: int = 22) -> str:
    """Shorten a name in its middle, because names differ at their ends as often as at their starts."""
    half = limit // 2
    return name if len(name) <= limit else f"{name[:half].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[half - limit + 1 :]}"


def every_nth(count: int, most: int) -> range:
    """Every nth of so many, from the first, at most ``most``."""
    return range(0, count, math.ceil(count / most))


def _rule_cells(axes: "Axes", rows: int, columns: int) -> None:
    axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.0 if rows <= MANY_CLASSES else 0.4)
    axes.tick_params(which="minor", length=0)


def _write_counts(axes: "Axes", counts_CE: np.ndarray, share_CE: np.ndarray) -> None:
    for row, expert in zip(*np.nonzero(counts_CE), strict=True):
        ink = "white" if share_CE[row, expert] > 0.55 else INK
        axes.text(expert, row, f"{counts_CE[row, expert]}", ha="center", va="center", color=ink, fontsize=8)


def _main_classes(counts_EC: np.ndarray, class_names: Sequence[str], limit: int = 12) -> str:
    """One clause per expert: the classes of which it gets the largest part."""
    main_C = arg_max(counts_EC.T)
    clauses = [
        f"expert {e}: {', '.join(str(class_names[c]) for c in np.flatnonzero(main_C == e).tolist()) or 'no class'}"
        for e in range(min(len(counts_EC), limit))
    ]
    return "Gets most of: " + "; ".join(clauses) + ("." if len(counts_EC) <= limit else "; and so on.")
