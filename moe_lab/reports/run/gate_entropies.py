"""Histogram of the gate's entropy over the routed test samples (M)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.formulas import entropy_bits
from moe_lab.reports.kit.numbers import quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, INK, WARM, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 30


def entropy_histogram(arrays: RunArrays) -> Picture:
    """Entropy of each routed sample's normalized weights, in bits, up to the bound log2 E."""
    entropy_M = entropy_bits(arrays.normalized_weights_ME)
    bound = math.log2(arrays.experts)
    edges = np.linspace(0, bound, BINS + 1)
    # a row of equal weights may be rounded to slightly above log2 E
    count_bins, _ = np.histogram(np.clip(entropy_M, 0, bound), edges)
    share_bins = 100 * count_bins / len(entropy_M)
    mean = float(entropy_M.mean())
    sure = float((entropy_M < 0.1 * bound).mean())

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.stairs(share_bins, edges, fill=True, color=ACCENT)
        axes.set_xlim(-0.02 * bound, 1.02 * bound)
        axes.axvline(bound, color=INK, linewidth=0.9, linestyle=":")
        axes.axvline(mean, color=WARM, linewidth=1.2, linestyle="--")
        late = mean > 0.5 * bound
        at_mean: dict[str, Any] = {"color": WARM, "ha": "right" if late else "left", "va": "top", "fontsize": 8.5}
        axes.text(mean, 0.99, f" mean {mean:.2f} ", transform=axes.get_xaxis_transform(), **at_mean)
        at_bound: dict[str, Any] = {"color": INK, "ha": "right", "va": "top", "fontsize": 8.5}
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
        "Entropy of the gate by sample",
        f"Histogram of the gate entropy of {len(entropy_M)} test samples: mean {mean:.2f} of at most {bound:.2f} bits.",
        f"0 bits: one expert has all the weight; log\N{SUBSCRIPT TWO} E: all experts have equal weight. "
        f"{quantity(sure, 'fraction')} of the samples are below a tenth of the bound.{_selection_note(arrays)}",
        svg,
        rows,
        HALF,
    )


def _selection_note(arrays: RunArrays) -> str:
    """A note on how k lowers the bound."""
    most = int(arrays.selected_NE.sum(1).max())
    if most == 1:
        return " One expert is selected for each sample, so the entropy is always 0."
    if most < arrays.experts:
        bound = math.log2(most)
        return f" At most {most} experts are selected for a sample, which bounds the entropy by {bound:.2f} bits."
    return ""
