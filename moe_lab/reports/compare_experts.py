"""What the experts of several runs are used for: loads as sorted bars, information against usage.

Experts have no identity across runs, so loads are sorted and experts never matched by their index.
"""

import math
from collections.abc import Sequence

import numpy as np

from moe_lab.metrics import RunArrays
from moe_lab.reports.entry import Entry
from moe_lab.reports.picture import HALF, Picture, draw
from moe_lab.reports.style import INK, MUTED, ink_on, name_axes

X, Y = "load_entropy_bits", "mutual_information_expert_label_bits"


def loads(entries: Sequence[Entry]) -> Picture:
    """Share of the routed test samples of each expert, the largest first, a bar a run."""
    from matplotlib import colormaps

    shares = [_sorted_load(entry.arrays) for entry in entries]

    def paint(figure, axes):
        for place, share_E in enumerate(shares):
            left_E = np.concatenate([[0], np.cumsum(share_E)[:-1]])
            tints = [colormaps["Blues"](0.92 - 0.72 * rank / max(1, len(share_E) - 1)) for rank in range(len(share_E))]
            axes.barh(place, share_E, 0.68, left_E, color=tints, edgecolor="white", linewidth=0.8)
            for left, share, tint in zip(left_E, share_E, tints, strict=True):
                if share >= 9:
                    ink = ink_on(tint[:3])
                    axes.text(left + share / 2, place, f"{share:.0f}", color=ink, ha="center", va="center", fontsize=8)
        axes.set_yticks(range(len(entries)), [entry.key for entry in entries])
        axes.set_ylim(len(entries) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("share of the test samples (%)", loc="right")

    rows = tuple(
        {"key": entry.key, "run": entry.run.name, "rank": rank, "share_percent": float(share)}
        for entry, share_E in zip(entries, shares, strict=True)
        for rank, share in enumerate(share_E, start=1)
    )
    told = "; ".join(f"{e.key} {share_E[0]:.0f} %" for e, share_E in zip(entries, shares, strict=True))
    return Picture(
        "loads",
        "Load of the experts",
        f"Stacked bars, one a run, of the shares of its experts. The largest share: {told}.",
        "A bar is a run, a piece one of its experts, the most loaded first: its share of the test samples by largest "
        "weight. Even pieces: all experts are used. Experts of different runs do not correspond.",
        draw(HALF, 0.75 + 0.36 * max(3, len(entries)), paint),
        rows,
        HALF,
    )


def _sorted_load(arrays: RunArrays) -> np.ndarray:
    """Shares of the routed test samples in percent, in falling order."""
    return 100 * np.sort(arrays.load_E)[::-1] / arrays.routed_count


def information(entries: Sequence[Entry]) -> Picture:
    """I(E;Y) against H(E) of the load, with the bound I = H."""
    points = [(entry.value(X), entry.value(Y)) for entry in entries]
    top = 1.08 * max([1.0, *(math.log2(max(1, entry.arrays.experts)) for entry in entries)])

    def paint(figure, axes):
        axes.plot([0, top], [0, top], color=INK, linewidth=0.9, linestyle=":")
        axes.text(0.97 * top, 0.9 * top, "I = H", color=MUTED, ha="right", va="top", fontsize=8.5)
        for entry, (x, y) in zip(entries, points, strict=True):
            axes.plot(x, y, "o", color=entry.colour, markersize=7, markeredgecolor="white", clip_on=False, zorder=3)
        for x, y, keys in _grouped(points, [entry.key for entry in entries], 0.05 * top):
            axes.annotate(keys, (x, y), xytext=(7, -9), textcoords="offset points", color=INK, fontsize=8.5)
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        name_axes(axes, "entropy of the load H(E) (bits)", "information I(E;Y) (bits)")

    rows = tuple(
        {"key": entry.key, "run": entry.run.name, X: x, Y: y} for entry, (x, y) in zip(entries, points, strict=True)
    )
    told = "; ".join(f"{entry.key} {y:.2f} of {x:.2f}" for entry, (x, y) in zip(entries, points, strict=True))
    return Picture(
        "information",
        "Information against usage",
        f"Scatter of {len(entries)} runs. Bits of information of bits of usage: {told}.",
        "To use the experts more evenly raises what the choice of expert can tell about the target, up to the dotted "
        "line. Compare runs at the same place along the bottom: the higher one follows the target more.",
        draw(HALF, 3.1, paint),
        rows,
        HALF,
    )


def _grouped(points: Sequence[tuple[float, float]], keys: Sequence[str], near: float) -> list[tuple[float, float, str]]:
    """One label where points lie so near to each other that theirs would overlap."""
    groups: list[tuple[float, float, str]] = []
    for (x, y), key in zip(points, keys, strict=True):
        place = next((i for i, (u, v, _) in enumerate(groups) if abs(u - x) < near and abs(v - y) < near), None)
        if place is None:
            groups.append((x, y, key))
        else:
            u, v, others = groups[place]
            groups[place] = (u, v, f"{others}, {key}")
    return groups
