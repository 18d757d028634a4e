"""Figures of a path of lambdas, from stages.csv and stages.npz. Axes: S lambdas, I inputs of the gate's last layer, E
experts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.kit.numbers import quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, MUTED, WARM, colours, label_ends, log_ticks, name_axes
from moe_lab.reports.run.curves import History, column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: column -> values by stage, label of its end, colour
Curves = Mapping[str, tuple[np.ndarray, str, str]]
LAMBDA = "\N{GREEK SMALL LETTER LAMDA}"


def path_pictures(stages: History, weights_SIE: np.ndarray | None) -> tuple[Picture, ...]:
    """Weights, active experts and error against lambda; without the first if the gate has no linear last layer."""
    pictures = (active_picture(stages), error_picture(stages))
    return pictures if weights_SIE is None else (weights_picture(stages, weights_SIE), *pictures)


def weights_picture(stages: History, weights_SIE: np.ndarray) -> Picture:
    """Every weight of the gate's last layer, one line each, in the colour of its expert."""
    lambdas, (_, inputs, experts) = column(stages, "lambda"), weights_SIE.shape
    shades = colours(experts)

    def paint(figure: "Figure", axes: "Axes") -> None:
        _against(axes, lambdas, "weight of the gate's last layer")
        for expert in range(experts):
            axes.plot(lambdas, weights_SIE[:, :, expert], color=shades[expert], linewidth=0.7)

    left = ", ".join(f"{(one != 0).sum()} at {value:.3g}" for one, value in zip(weights_SIE, lambdas, strict=True))
    rows = tuple(
        {"lambda": value, "input": i, "expert": e, "weight": float(weights_SIE[s, i, e])}
        for s, value in enumerate(lambdas)
        for i in range(inputs)
        for e in range(experts)
    )
    return Picture(
        "path_weights",
        f"Weights against {LAMBDA}",
        f"{inputs} x {experts} weights over {len(lambdas)} lambdas. Not zero: {left}.",
        "One line per weight, in the colour of its expert. A weight of zero is no longer used.",
        draw(HALF, 2.9, paint),
        rows,
        HALF,
    )


def active_picture(stages: History) -> Picture:
    """Active experts per sample, and experts with a nonzero weight, if they are known."""
    named = {"active_experts": ("a sample", ACCENT), "nonzero_experts": ("with weights", WARM)}
    curves = {name: (column(stages, name), *named[name]) for name in named if name in stages[0]}
    return _picture(
        stages,
        curves,
        stem="path_active",
        title=f"Active experts against {LAMBDA}",
        y="experts",
        caption="A sample: mean number of experts with a routing weight above zero. With weights: experts with a "
        "nonzero weight in the gate's last layer.",
    )


def error_picture(stages: History) -> Picture:
    """Error rate in percent (in regression: RMSE in sd) of training and validation."""
    numbers = "train_rmse_sd" in stages[0]
    name, scale, y = ("rmse_sd", 1, "RMSE (sd)") if numbers else ("error_rate", 100, "error rate (%)")
    shown = {"train": ("training", MUTED), "validation": ("validation", ACCENT)}
    curves = {f"{split}_{name}": (scale * column(stages, f"{split}_{name}"), *shown[split]) for split in shown}
    best = _best(stages, f"validation_{name}", "sd" if numbers else "fraction")
    return _picture(
        stages,
        curves,
        stem="path_error",
        title=f"Error against {LAMBDA}",
        y=y,
        caption=f"Values of the last epoch of each {LAMBDA}; the run is evaluated at the last one.{best}",
    )


def _best(stages: History, name: str, unit: str) -> str:
    values = column(stages, name)
    if not np.isfinite(values).any():
        return ""
    best = int(np.nanargmin(values))
    return f" Validation is best at {LAMBDA} = {stages[best]['lambda']:.3g} ({quantity(values[best], unit)})."


def _picture(stages: History, curves: Curves, *, stem: str, title: str, y: str, caption: str) -> Picture:
    lambdas = column(stages, "lambda")
    curves = {name: curve for name, curve in curves.items() if np.isfinite(curve[0]).any()}

    def paint(figure: "Figure", axes: "Axes") -> None:
        _against(axes, lambdas, y)
        for values_S, _, colour in curves.values():
            axes.plot(lambdas, values_S, color=colour, marker="o", markersize=4)
        axes.set_ylim(bottom=0)
        label_ends(axes, [(float(values_S[-1]), label, colour) for values_S, label, colour in curves.values()])

    values = "; ".join(f"{name} from {one[0][0]:.4g} to {one[0][-1]:.4g}" for name, one in curves.items())
    alt = f"{title}, from {lambdas[0]:.3g} to {lambdas[-1]:.3g}: {values}."
    rows = tuple(
        {"lambda": float(value), **{name: float(one[0][index]) for name, one in curves.items()}}
        for index, value in enumerate(lambdas)
    )
    return Picture(stem, title, alt, caption, draw(HALF, 2.9, paint), rows, HALF)


def _against(axes: "Axes", lambdas: np.ndarray, y: str) -> None:
    """Set the axis so that training goes from left to right."""
    axes.set_xscale("log")
    log_ticks(axes.xaxis)
    if lambdas[-1] < lambdas[0]:
        axes.invert_xaxis()
    name_axes(axes, LAMBDA, y)
