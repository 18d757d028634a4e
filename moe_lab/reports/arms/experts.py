"""Figures of the experts of arms: sorted loads, usage over time, classes of matched experts, agreement of seeds.

Experts have no identity across runs, so loads are sorted, and classes are shown after the experts were matched.
Axes: T epochs, E experts, C classes, n runs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.arms.decomposition import READ_USAGE, Decomposition, sorted_usage_TE
from moe_lab.reports.arms.look import PANELS, ROWS, cut, head, label, lines, panels, seeds_text, width
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.numbers import signed
from moe_lab.reports.kit.picture import Picture, draw
from moe_lab.reports.kit.style import INK, colours, epoch_ticks, ink_on, ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: up to this number of classes are named, and up to this number of seeds have numbers in their cells
NAMED, WRITTEN = 20, 6
UNDEFINED = "#e3e6ea"


def loads(found: Sequence[Decomposition]) -> Picture:
    """Mean share of the routed test samples of each expert, the largest first, one bar per arm."""
    shares = [100 * one.load_nE.mean(0) for one in found]

    def paint(figure: "Figure", axes: "Axes") -> None:
        for place, share_E in enumerate(shares[:ROWS]):
            left_E = np.concatenate([[0], np.cumsum(share_E)[:-1]])
            tints = ranks(len(share_E))
            axes.barh(place, share_E, 0.68, left_E, color=tints, edgecolor="white", linewidth=0.8)
            for left, share, tint in zip(left_E, share_E, tints, strict=True):
                if share >= 9:
                    ink = ink_on(tint)
                    axes.text(left + share / 2, place, f"{share:.0f}", color=ink, ha="center", va="center", fontsize=8)
        axes.set_yticks(range(len(found[:ROWS])), [label(one.arm) for one in found[:ROWS]])
        axes.set_ylim(len(found[:ROWS]) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("share of the test samples (%)", loc="right")

    rows = tuple(
        {"arm": one.arm.key, "rank": rank, "share_percent": float(share), "runs": len(one.load_nE)}
        for one, share_E in zip(found, shares, strict=True)
        for rank, share in enumerate(share_E, start=1)
    )
    values = "; ".join(f"{one.arm.key} {share_E[0]:.0f} %" for one, share_E in zip(found, shares, strict=True))
    return Picture(
        "loads",
        "Load of the experts",
        f"Stacked bars, one per arm, of the shares of its experts. The largest share: {values}.",
        "One bar per arm, one piece per expert, the most loaded first. The length is the expert's share of the test "
        "samples by largest weight, sorted within each run, then averaged over seeds. "
        f"{_counts(found)}{cut(len(found), ROWS)}",
        draw(width(len(found)), 0.75 + (0.36 if len(found) <= 8 else 0.24) * max(3, min(ROWS, len(found))), paint),
        rows,
        width(len(found)),
    )


def _counts(found: Sequence[Decomposition]) -> str:
    return f"{seeds_text([len(one.runs) for one in found])}."


def usage_over_time(found: Sequence[Decomposition]) -> Picture | None:
    """Stacked bands of the sorted shares of the routing weight over the epochs, one panel per arm."""
    usage = {one.arm.key: mean_TE for one in found if (mean_TE := _mean_usage(one)) is not None}
    kept = [one for one in found if one.arm.key in usage]
    if not kept:
        return None
    first = kept[:PANELS]

    def panel(axes: "Axes", place: int) -> None:
        share_TE = 100 * usage[first[place].arm.key]
        edges = np.arange(len(share_TE) + 1) + 0.5
        top_T = np.zeros(len(share_TE))
        for rank, colour in enumerate(colours(share_TE.shape[1])):
            low_T, top_T = top_T, top_T + share_TE[:, rank]
            axes.stairs(top_T, edges, baseline=low_T, fill=True, facecolor=colour, edgecolor="white", linewidth=0.4)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 100)
        axes.set_yticks([0, 50, 100], ["0", "50", "100 %"])
        axes.tick_params(labelsize=7)
        epoch_ticks(axes)
        axes.set_xlabel("epoch", loc="right", fontsize=7.5)
        head(axes, first[place].arm)

    rows = tuple(
        {"arm": one.arm.key, "epoch": epoch, "rank": rank, "share": float(share)}
        for one in kept
        for epoch, share_E in enumerate(usage[one.arm.key], start=1)
        for rank, share in enumerate(share_E, start=1)
    )
    values = "; ".join(f"{one.arm.key} {100 * usage[one.arm.key][-1, 0]:.0f} %" for one in kept)
    return Picture(
        "usage_over_time",
        "Usage over time",
        f"Stacked bands over the epochs, one panel per arm. Share of the most used expert at the end: {values}.",
        "The lowest band is the epoch's most used expert, the next band the second, and so on. The height is the "
        "expert's share of the routing weight of the training samples (%), the mean over seeds. "
        f"{_counts(kept)}{cut(len(kept), PANELS)}",
        draw(
            width(len(first)),
            0.2 + 1.65 * lines(len(first)),
            lambda figure, axes: panels(figure, axes, len(first), panel),
        ),
        rows,
        width(len(first)),
    )


def _mean_usage(one: Decomposition) -> np.ndarray | None:
    """``[T, E]``, the mean over the seeds that have as many epochs and experts as the first."""
    found = [usage for member in one.arm.counted[:READ_USAGE] if (usage := sorted_usage_TE(member)) is not None]
    return np.nan_to_num(np.mean([usage for usage in found if usage.shape == found[0].shape], 0)) if found else None


def class_maps(found: Sequence[Decomposition]) -> Picture:
    """The classes that each expert gets, matched between seeds, one panel per arm."""
    first = found[:PANELS]
    shares = {one.arm.key: _ordered(one.matched_counts_EC) for one in found}
    classes = max(share.shape[1] for share in shares.values())
    tall = min(3.2, max(1.5, 0.16 * classes + 0.5))

    def panel(axes: "Axes", place: int) -> None:
        one = first[place]
        share_CE = shares[one.arm.key].T
        axes.imshow(share_CE, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        names = one.runs[0].class_names
        if len(names) <= NAMED:
            axes.set_yticks(range(len(names)), [shortened(name, 12) for name in names], fontsize=6.5)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("expert", loc="right", fontsize=7.5)
        head(axes, one.arm)

    rows = tuple(
        {
            "arm": one.arm.key,
            "expert_rank": expert,
            "value": name,
            "mean_share": float(share),
            "runs": len(one.uncollapsed),
        }
        for one in found
        for expert, share_C in enumerate(shares[one.arm.key], start=1)
        for name, share in zip(one.runs[0].class_names, share_C, strict=True)
    )
    what = found[0].runs[0].one
    clear = "; ".join(f"{one.arm.key} {100 * shares[one.arm.key].max(0).mean():.0f} %" for one in found)
    return Picture(
        "class_maps",
        f"Which {'classes' if what == 'class' else f'values of {what}'} each expert gets",
        f"Heat maps, one per arm, one row per {what}, one column per expert. Mean largest share of a {what}: {clear}.",
        f"The darker a cell, the larger the share (0 to 100 %) of the {what}'s test samples that the expert gets. "
        "Experts are matched to those of the arm's most typical run by shared samples; shares are means over the "
        f"seeds that did not collapse. In a pale row, seeds do not give the {what} to the same expert. "
        f"{_counts(found)}{cut(len(found), PANELS)}",
        draw(
            width(len(first)),
            0.2 + tall * lines(len(first)),
            lambda figure, axes: panels(figure, axes, len(first), panel),
        ),
        rows,
        width(len(first)),
    )


def _ordered(share_EC: np.ndarray) -> np.ndarray:
    """Experts in the order of the class of which they get most, so that the map is close to diagonal."""
    return share_EC[np.lexsort((-share_EC.max(1), share_EC.argmax(1)))]


def agreement_maps(found: Sequence[Decomposition]) -> Picture | None:
    """Excess agreement of every pair of seeds, one panel per arm; None if no arm has two comparable runs."""
    paired = [one for one in found if one.pairs]
    if not paired:
        return None
    first = paired[:PANELS]

    def panel(axes: "Axes", place: int) -> None:
        one = first[place]
        seeds = [one.arm.counted[p].seed[2] for p in one.alike]
        excess_nn = _excess(one)
        axes.set_facecolor(UNDEFINED)
        axes.imshow(excess_nn, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        if len(seeds) <= WRITTEN:
            for (row, column), value in np.ndenumerate(excess_nn):
                if np.isfinite(value):
                    ink = "white" if value > 0.55 else INK
                    axes.text(column, row, signed(f"{value:.2f}"), ha="center", va="center", color=ink, fontsize=6.5)
        step = max(1, len(seeds) // 6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(range(0, len(seeds), step), seeds[::step], fontsize=6.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("seed", loc="right", fontsize=7.5)
        head(axes, one.arm)

    rows = tuple(
        {
            "arm": one.arm.key,
            "seed": one.arm.counted[here].seed_word,
            "other_seed": one.arm.counted[there].seed_word,
            "excess_ari": pair.excess,
            "reason": pair.reason,
        }
        for one in paired
        for (here, there), pair in one.pairs.items()
    )
    means = [(one.arm.key, one.over_pairs("excess")) for one in paired]
    values = "; ".join(f"{key} {signed(f'{found.mean:.2f}')}" if found else f"{key} undefined" for key, found in means)
    return Picture(
        "agreement",
        "Agreement of the seeds",
        f"Matrices of seeds, one per arm. Mean excess agreement: {values}.",
        "Excess agreement of two seeds: their adjusted Rand index minus its expected value if both only followed the "
        "classes. 1: the same decomposition; 0: no more alike than the classes explain. Grey: a seed with itself, or "
        "undefined because a routing is collapsed. "
        f"{seeds_text([len(one.alike) for one in paired])}.{cut(len(paired), PANELS)}",
        draw(
            width(len(first)),
            0.2 + 1.95 * lines(len(first)),
            lambda figure, axes: panels(figure, axes, len(first), panel),
        ),
        rows,
        width(len(first)),
    )


def _excess(one: Decomposition) -> np.ndarray:
    place = {p: at for at, p in enumerate(one.alike)}
    excess_nn = np.full((len(place), len(place)), np.nan)
    for (here, there), pair in one.pairs.items():
        if pair.excess is not None:
            excess_nn[place[here], place[there]] = excess_nn[place[there], place[here]] = pair.excess
    return excess_nn
