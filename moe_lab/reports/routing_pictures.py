"""Figures of the routing table: entropies of single samples, which classes each expert gets, how good each expert is.

Axes: N test samples, M routed ones, E experts, C classes.
"""

import math
from collections.abc import Sequence

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.formulas import entropy_bits
from moe_lab.reports.numbers import quantity
from moe_lab.reports.picture import FULL, HALF, Picture, draw
from moe_lab.reports.style import ACCENT, INK, MUTED, RULE, WARM, name_axes

BINS = 30


def entropy_histogram(arrays: RunArrays) -> Picture:
    """Entropy of each routed sample's normalized weights, in bits, up to the bound log2 E."""
    entropy_M = entropy_bits(arrays.normalized_weights_ME)
    bound = math.log2(arrays.experts)
    edges = np.linspace(0, bound, BINS + 1)
    # a row of equal weights may round to a hair above log2 E
    count_bins, _ = np.histogram(np.clip(entropy_M, 0, bound), edges)
    share_bins = 100 * count_bins / len(entropy_M)
    mean = float(entropy_M.mean())
    sure = float((entropy_M < 0.1 * bound).mean())

    def paint(figure, axes):
        axes.stairs(share_bins, edges, fill=True, color=ACCENT)
        axes.set_xlim(-0.02 * bound, 1.02 * bound)
        axes.axvline(bound, color=INK, linewidth=0.9, linestyle=":")
        axes.axvline(mean, color=WARM, linewidth=1.2, linestyle="--")
        late = mean > 0.5 * bound
        at_mean = {"color": WARM, "ha": "right" if late else "left", "va": "top", "fontsize": 8.5}
        axes.text(mean, 0.99, f" mean {mean:.2f} ", transform=axes.get_xaxis_transform(), **at_mean)
        at_bound = {"color": INK, "ha": "right", "va": "top", "fontsize": 8.5}
        axes.text(
            bound, 0.88, f"log\N{SUBSCRIPT TWO} E = {bound:.2f} ", transform=axes.get_xaxis_transform(), **at_bound
        )
        axes.set_ylim(0, 1.25 * share_bins.max())
        axes.set_yticks([tick for tick in axes.get_yticks() if tick <= 100])
        name_axes(axes, "entropy of a sample's weights (bits)", "test samples (%)")

    rows = tuple(
        {"from_bits": float(low), "to_bits": float(high), "samples": int(count)}
        for low, high, count in zip(edges[:-1], edges[1:], count_bins, strict=True)
    )
    svg = draw(HALF, 2.9, paint)
    return Picture(
        "gate_entropies",
        "Gate entropies",
        f"Histogram of the gate entropy of {len(entropy_M)} test samples: mean {mean:.2f} of at most {bound:.2f} bits.",
        f"0 bits: one expert gets the sample whole; log\N{SUBSCRIPT TWO} E: all share it evenly. "
        f"{quantity(sure, 'fraction')} of the samples lie below a tenth of the bound.{_selection_note(arrays)}",
        svg,
        rows,
        HALF,
    )


def _selection_note(arrays: RunArrays) -> str:
    """What k leaves of the bound."""
    most = int(arrays.selected_NE.sum(1).max())
    if most == 1:
        return " One expert is selected for each sample, so the entropy is 0 by construction."
    if most < arrays.experts:
        return f" At most {most} experts are selected for a sample, which bounds the entropy by {math.log2(most):.2f} bits."
    return ""


def class_order(counts_EC: np.ndarray) -> list[int]:
    """Classes grouped by the expert that gets most of them, the surest first; classes without samples last."""
    total_C = counts_EC.sum(0)
    share_C = counts_EC.max(0) / np.maximum(total_C, 1)
    main_C = np.where(total_C > 0, counts_EC.argmax(0), len(counts_EC))
    return sorted(range(counts_EC.shape[1]), key=lambda c: (main_C[c], -share_C[c], c))


def class_table(arrays: RunArrays, class_names: Sequence[str]) -> Picture:
    """Routed test samples by true class and arg-max expert; colour is the expert's share of the class."""
    counts_EC = arrays.label_counts_EC
    experts, classes = counts_EC.shape
    order = class_order(counts_EC)
    counts_CE = counts_EC.T[order]
    share_CE = counts_CE / np.maximum(counts_CE.sum(1, keepdims=True), 1)
    dense = classes > 40
    cell = 0.15 if dense else 0.29
    width = min(FULL, max(HALF, 1.9 + experts * (0.27 if experts > 16 else 0.52)))

    def paint(figure, axes):
        image = axes.imshow(share_CE, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        small = 6 if dense else 8.5
        names = [shortened(class_names[c]) for c in order]
        axes.set_yticks(range(classes), names, fontsize=small, parse_math=False)
        loads = [f"\n{100 * load / arrays.routed_count:.0f} %" if experts <= 16 else "" for load in arrays.load_E]
        heads = [f"{e}{load}" for e, load in enumerate(loads)]
        axes.set_xticks(range(experts), heads, fontsize=8.5 if experts <= 32 else 6, linespacing=1.4)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.set_xlabel("expert, and its share of the test samples" if experts <= 16 else "expert", loc="left")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel("true class", loc="top")
        axes.spines[:].set_visible(False)
        _rule_cells(axes, classes, experts)
        if experts <= 16 and not dense:
            _write_counts(axes, counts_CE, share_CE)
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.6, aspect=34, pad=0.02, anchor=(0.0, 1.0))
        bar.outline.set_visible(False)
        bar.set_label("share of the class (%)", loc="left")
        bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])

    rows = tuple(
        {"class": c, "class_name": class_names[c], **{f"expert_{e}": int(counts_EC[e, c]) for e in range(experts)}}
        for c in range(classes)
    )
    svg = draw(width, 1.5 + cell * classes, paint)
    return Picture(
        "class_expert",
        "Which classes each expert gets",
        f"Heat map of {classes} classes by {experts} experts. {_main_classes(counts_EC, class_names)}",
        "A row is a true class, a column an expert; a cell counts the test samples of the class whose largest weight "
        "went to the expert, and its colour is their share of the class. Classes stand grouped by the expert that gets "
        "most of them.",
        svg,
        rows,
        width,
    )


def shortened(name: str, limit: int = 22) -> str:
    """Names are told apart by their ends as often as by their starts, so what is left out is in the middle."""
    half = limit // 2
    return name if len(name) <= limit else f"{name[:half].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[half - limit + 1 :]}"


def _rule_cells(axes, rows: int, columns: int) -> None:
    axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.0 if rows <= 40 else 0.4)
    axes.tick_params(which="minor", length=0)


def _write_counts(axes, counts_CE: np.ndarray, share_CE: np.ndarray) -> None:
    for row, expert in zip(*np.nonzero(counts_CE), strict=True):
        ink = "white" if share_CE[row, expert] > 0.55 else INK
        axes.text(expert, row, f"{counts_CE[row, expert]}", ha="center", va="center", color=ink, fontsize=8)


def _main_classes(counts_EC: np.ndarray, class_names: Sequence[str], limit: int = 12) -> str:
    """One clause an expert: the classes of which it gets the largest part."""
    main_C = np.where(counts_EC.sum(0) > 0, counts_EC.argmax(0), -1)
    clauses = [
        f"expert {e}: {', '.join(str(class_names[c]) for c in np.flatnonzero(main_C == e)) or 'no class'}"
        for e in range(min(len(counts_EC), limit))
    ]
    return "Gets most of: " + "; ".join(clauses) + ("." if len(counts_EC) <= limit else "; and so on.")


def expert_accuracy(arrays: RunArrays, own_error_E: Sequence[float | None], references: dict[str, float]) -> Picture:
    """Each expert's accuracy on the samples it was given and on all test samples, against ``references`` (error rates).

    Args:
        own_error_E: expert_error_rate of metrics.json: error of the arg-max expert's own prediction, null if dead.
        references: name -> error rate, drawn as lines (the mixture, the oracle).
    """
    all_E = 100 * (arrays.expert_prediction_NE == arrays.label_N[:, None]).mean(0)
    own_E = np.array([math.nan if error is None else 100 * (1 - error) for error in own_error_E])
    load_E = arrays.load_E
    experts = arrays.experts
    lines = {name: 100 * (1 - error) for name, error in references.items()}

    def paint(figure, axes):
        y_E = np.arange(experts)
        axes.hlines(y_E, np.fmin(all_E, own_E), np.fmax(all_E, own_E), color=RULE, linewidth=3)
        axes.plot(all_E, y_E, "o", color="white", markeredgecolor=MUTED, markersize=6, markeredgewidth=1.4)
        axes.plot(own_E, y_E, "o", color=ACCENT, markersize=6.5)
        axes.set_xlim(10 * math.floor(min(np.nanmin(all_E), np.nanmin(own_E)) / 10 - 0.2), 101.5)
        for level, (name, value) in enumerate(lines.items()):
            _reference_line(axes, f"{name} {value:.1f} %", value, level)
        shares = [f"{e}  ({100 * load / arrays.samples:.0f} %)" for e, load in enumerate(load_E)]
        axes.set_yticks(y_E, shares, fontsize=8.5 if experts <= 32 else 7)
        axes.set_ylim(experts - 0.4, -0.6)
        axes.set_title("expert (share of the test samples)", pad=12 + 13 * len(lines))
        axes.set_xlabel("accuracy (%)", loc="right")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")

    rows = tuple(
        {
            "expert": e,
            "samples": int(load_E[e]),
            "accuracy_own_percent": None if math.isnan(own_E[e]) else float(own_E[e]),
            "accuracy_all_percent": float(all_E[e]),
            **{f"{name}_percent": value for name, value in lines.items()},
        }
        for e in range(experts)
    )
    svg = draw(HALF, 1.2 + (0.28 if experts <= 32 else 0.17) * experts, paint)
    named = ", ".join(f"{name} {value:.1f} %" for name, value in lines.items())
    own = ", ".join(f"expert {e} {value:.0f} %" for e, value in enumerate(own_E) if not math.isnan(value))
    return Picture(
        "expert_accuracy",
        "Each expert against the mixture",
        f"Dot plot of the accuracy of {experts} experts. On their own samples: {own}. Lines: {named}.",
        "Filled: the expert by itself on the samples that it was given; hollow: on all test samples. A wide gap means a "
        "specialist. The oracle takes, for every sample, the best expert with the label known: no gate can do better "
        "by choosing one expert.",
        svg,
        rows,
        HALF,
    )


def _reference_line(axes, text: str, x: float, level: int) -> None:
    """A vertical line with its name above the axes, one text line higher for each ``level``."""
    colour, dash = ((INK, "-"), (WARM, "--"))[level % 2]
    axes.axvline(x, color=colour, linewidth=1.0, linestyle=dash)
    anchor = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "xytext": (0, 4 + 13 * level)}
    side = "right" if x > sum(axes.get_xlim()) / 2 else "left"
    axes.annotate(text, (x, 1), **anchor, color=colour, ha=side, va="bottom", fontsize=8.5, annotation_clip=False)
