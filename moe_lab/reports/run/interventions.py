"""Figures of interventions: the loss without each expert, and with two experts exchanged. Axes: E experts."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.reports.kit.heat import heat_maps
from moe_lab.reports.kit.numbers import share, signed
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, AXIS, INK, MUTED, WARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = Mapping[str, Mapping[str, Any]]

#: in classification, error in points: metric -> the samples it is measured on, marker, colour
DROPS = {
    "removal_own_drop": ("its own samples", "o", ACCENT),
    "removal_classes_drop": ("its own classes", "D", WARM),
    "removal_others_drop": ("all other samples", "s", MUTED),
}
#: in regression, log density in nats
COSTS = {
    "removal_own_nats": ("its own samples", "o", ACCENT),
    "removal_others_nats": ("all other samples", "s", MUTED),
}


def removal_picture(metrics: Metrics, arrays: RunArrays) -> Picture | None:
    """Dots, one row per expert: the loss if the gate selects among the others; None if that is undefined."""
    of_classes = arrays.task == "classification"
    wanted, scale = (DROPS, 100) if of_classes else (COSTS, 1)
    values = {name: value for name in wanted if (value := metrics.get(name, {}).get("value")) is not None}
    if len(values) < len(wanted):
        return None
    lost = {name: scale * np.array([math.nan if one is None else one for one in values[name]]) for name in wanted}
    unit = "points of error" if of_classes else "nats"
    experts, load_E = arrays.experts, arrays.load_E

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.axvline(0, color=INK, linewidth=1.0)
        for e in range(experts):
            drawn = [values_E[e] for values_E in lost.values() if not math.isnan(values_E[e])]
            axes.plot([min(drawn, default=0), max(drawn, default=0)], [e, e], color=AXIS, linewidth=1.6, zorder=1)
        for name, (label, marker, colour) in wanted.items():
            axes.scatter(
                lost[name], range(experts), s=34, marker=marker, edgecolors=colour, linewidths=1.6, zorder=3,
                facecolors=colour if marker == "o" else "white", label=label,
            )  # fmt: skip
        names = [f"{e}  ({share(load, load_E.sum())})" for e, load in enumerate(load_E)]
        axes.set_yticks(range(experts), names, fontsize=8.5 if experts <= 32 else 6)
        axes.set_ylim(experts - 0.4, -0.6)
        axes.set_title("expert (share of the samples)", pad=24)
        axes.set_xlabel(f"lost without it ({unit})", loc="right")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.margins(x=0.06)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, frameon=False, fontsize=8, handletextpad=0.1,
            columnspacing=0.9, borderpad=0.1,
        )  # fmt: skip

    own = ", ".join(
        f"expert {e} {signed(f'{v:.1f}')}" for e, v in enumerate(next(iter(lost.values()))) if not math.isnan(v)
    )
    return Picture(
        "interventions",
        "What is lost without each expert",
        f"Dot plot of what is lost without each of {experts} experts, in {unit}. On their own samples: {own}.",
        "Each expert is removed in turn, and the gate chooses among the others. Without a specialist, only its own "
        "samples are predicted worse. If nothing is lost without an expert, the others can replace it. "
        f"{arrays.samples:,} test samples.",
        draw(HALF, 1.35 + (0.28 if experts <= 32 else 0.17) * experts, paint),
        tuple(
            {"expert": e, "samples": int(load_E[e])}
            | {f"{name}_points" if of_classes else name: _cell(values_E[e]) for name, values_E in lost.items()}
            for e in range(experts)
        ),
        HALF,
    )


def swap_picture(metrics: Metrics, arrays: RunArrays) -> Picture | None:
    """A heat map of the loss if two experts exchange their outputs; None if that is undefined."""
    value = metrics.get("swap_drop", {}).get("value")
    if not value:
        return None
    lost_EE = np.full((arrays.experts, arrays.experts), math.nan)
    for pair, drop in value.items():
        e, f = map(int, pair.split("-"))
        lost_EE[e, f] = lost_EE[f, e] = 100 * drop
    most = max(1.0, float(np.nanmax(np.abs(lost_EE))))
    return heat_maps(
        "swaps",
        "What is lost if two experts are exchanged",
        {"error added (points)": (lost_EE, "RdBu_r", -most, most)},
        "The same routing, but the outputs of two experts are exchanged: the points of error that this adds over all "
        f"{arrays.samples:,} test samples. White: no difference, or an expert with itself.",
        HALF,
    )


def _cell(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
