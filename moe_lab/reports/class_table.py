"""Which classes each expert gets, as an annotated heat map. Axes: E experts, C classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.reports.numbers import share
from moe_lab.reports.picture import FULL, HALF, Picture, draw
from moe_lab.reports.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: above these sizes, rows are lower and counts are left out; experts are told without their load
MANY_CLASSES, MANY_EXPERTS = 40, 16


@dataclass(frozen=True)
class Words:
    """What a table of experts against the values of a target is called: ``one`` in the figure, ``column`` in its CSV;
    ``head`` says which expert of a sample is meant."""

    stem: str
    title: str
    one: str
    column: str
    head: str
    caption: str


CLASSES = Words(
    "class_expert",
    "Which classes each expert gets",
    "class",
    "class",
    "expert",
    "A row is a true class, a column an expert; a cell counts the test samples of the class whose largest weight "
    "went to the expert, and its colour is their share of the class. Classes stand grouped by the expert that gets "
    "most of them.",
)


def class_order(counts_EC: np.ndarray) -> list[int]:
    """Classes grouped by the expert that gets most of them, the surest first; classes without samples last."""
    total_C = counts_EC.sum(0)
    share_C = counts_EC.max(0) / np.maximum(total_C, 1)
    main_C = np.where(total_C > 0, counts_EC.argmax(0), len(counts_EC))
    return sorted(range(counts_EC.shape[1]), key=lambda c: (main_C[c], -share_C[c], c))


def class_table(arrays: RunArrays, class_names: Sequence[str]) -> Picture:
    """Routed test samples by true class and arg-max expert; colour is the expert's share of the class."""
    counts_EC = arrays.label_counts_EC
    return heat_map(counts_EC, class_names, class_order(counts_EC), CLASSES)


def heat_map(counts_EC: np.ndarray, class_names: Sequence[str], order: Sequence[int], words: Words) -> Picture:
    """Counts of samples by expert and value of the target, the values from top to bottom in ``order``."""
    experts, classes = counts_EC.shape
    counts_CE = counts_EC.T[order]
    share_CE = counts_CE / np.maximum(counts_CE.sum(1, keepdims=True), 1)
    dense, roomy = classes > MANY_CLASSES, experts <= MANY_EXPERTS
    cell = 0.15 if dense else 0.29
    width = min(FULL, max(HALF, 1.9 + experts * (0.52 if roomy else 0.27)))

    def paint(figure: "Figure", axes: "Axes") -> None:
        image = axes.imshow(share_CE, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        small = 6 if dense else 8.5
        names = [shortened(class_names[c]) for c in order]
        axes.set_yticks(range(classes), names, fontsize=small, parse_math=False)
        heads = [str(e) for e in range(experts)]
        if roomy:
            heads = [f"{e}\n{share(load, counts_EC.sum())}" for e, load in enumerate(counts_EC.sum(1))]
        axes.set_xticks(range(experts), heads, fontsize=8.5 if experts <= 32 else 6, linespacing=1.4)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.set_xlabel(f"{words.head}, and its share of the samples" if roomy else words.head, loc="left")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel(f"true {words.one}", loc="top")
        axes.spines[:].set_visible(False)
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
    svg = draw(width, 1.5 + cell * classes, paint)
    return Picture(
        words.stem,
        words.title,
        f"Heat map, a row a {words.one} ({classes}), a column an expert ({experts}). "
        f"{_main_classes(counts_EC, class_names)}",
        words.caption,
        svg,
        rows,
        width,
    )


def shortened(name: str, limit: int = 22) -> str:
    """Names are told apart by their ends as often as by their starts, so what is left out is in the middle."""
    half = limit // 2
    return name if len(name) <= limit else f"{name[:half].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[half - limit + 1 :]}"


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
    """One clause an expert: the classes of which it gets the largest part."""
    main_C = np.where(counts_EC.sum(0) > 0, counts_EC.argmax(0), -1)
    clauses = [
        f"expert {e}: {', '.join(str(class_names[c]) for c in np.flatnonzero(main_C == e).tolist()) or 'no class'}"
        for e in range(min(len(counts_EC), limit))
    ]
    return "Gets most of: " + "; ".join(clauses) + ("." if len(counts_EC) <= limit else "; and so on.")
