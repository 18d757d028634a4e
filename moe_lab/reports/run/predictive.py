"""Predictions of a mixture of densities: over a single input, or against the truth.

Axes: N test samples, P points along the input, E experts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.arrays import NumberArrays
from moe_lab.reports.kit.picture import FULL, HALF, Picture, draw
from moe_lab.reports.kit.style import AXIS, INK, MUTED, colours, faint, name_axes
from moe_lab.reports.run.target import Target, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: most test samples that are drawn; points along a curve
MOST_DOTS, MOST_POINTS = 1000, 160
#: pieces of a curve with less weight of the expert are left out
LEAST_WEIGHT = 0.02


def predictive_picture(arrays: NumberArrays, inputs: Mapping[str, np.ndarray], target: Target) -> Picture:
    """The experts' means over a single input, drawn as strong as their weights, with bands of one sd.

    ``inputs`` as in inputs.npz: the test inputs ``x`` (N) in their own unit, and their ``name``.
    """
    x_N, name = inputs["x"].astype(np.float64), printable(inputs["name"])
    order_P = _spread(np.argsort(x_N, kind="stable"), MOST_POINTS)
    x_P, weight_PE = x_N[order_P], arrays.weights_NE[order_P]
    mean_PE, sd_PE = _own_unit(arrays, arrays.expert_mean_NE[order_P]), arrays.target_sd * _sd(arrays)[order_P]
    mixture_P, y_N = _own_unit(arrays, arrays.prediction_N[order_P]), _own_unit(arrays, arrays.label_N)
    palette = colours(arrays.experts)
    dots = _spread(np.arange(len(x_N)), MOST_DOTS)

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.plot(x_N[dots], y_N[dots], "o", color=faint(MUTED), markersize=2.2, markeredgewidth=0)
        low, high = y_N.min(), y_N.max()
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
        for e, colour in enumerate(palette):
            _paint_expert(axes, x_P, mean_PE[:, e], sd_PE[:, e], weight_PE[:, e], colour)
        axes.plot(x_P, mixture_P, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), label="mean of the mixture")
        for e in range(arrays.experts):
            _name_expert(axes, x_P, mean_PE[:, e], weight_PE[:, e], str(e), palette[e])
        axes.margins(x=0.01)
        axes.legend(
            frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1.0, 1.0), labelcolor=MUTED, borderpad=0
        )
        name_axes(axes, name, target.name)

    rows = tuple(
        {
            "x": float(x_P[p]),
            "mixture_mean": float(mixture_P[p]),
            **{f"expert_{e}_mean": float(mean_PE[p, e]) for e in range(arrays.experts)},
            **{f"expert_{e}_sd": float(sd_PE[p, e]) for e in range(arrays.experts)},
            **{f"expert_{e}_weight": float(weight_PE[p, e]) for e in range(arrays.experts)},
        }
        for p in range(len(x_P))
    )
    shares = ", ".join(f"expert {e} {100 * share:.0f} %" for e, share in enumerate(arrays.weights_NE.mean(0)))
    return Picture(
        "predictive",
        "What the experts predict",
        f"{target.name} over {name}: test samples as dots, one line per expert. Mean weights: {shares}.",
        "Dots: test samples. Lines: each expert's mean, with a band of one standard deviation. Both are drawn as "
        "strong as the gate's weight of the expert, and left out below 2 %. Dashed: the mean of the mixture, which "
        "lies between the branches if there are several.",
        draw(FULL, 4.4, paint),
        rows,
        FULL,
    )


def accuracy_of_means(arrays: NumberArrays, target: Target) -> Picture:
    """The mixture's mean against the true target, coloured by the expert of the largest weight."""
    y_N, mean_N = _own_unit(arrays, arrays.label_N), _own_unit(arrays, arrays.prediction_N)
    dots, palette = _spread(np.arange(len(y_N)), MOST_DOTS), colours(arrays.experts)
    low, high = min(y_N.min(), mean_N.min()), max(y_N.max(), mean_N.max())

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.plot([low, high], [low, high], color=INK, linewidth=0.9, linestyle=":")
        colour_N = [palette[e] if e >= 0 else AXIS for e in arrays.expert_N[dots]]
        axes.scatter(y_N[dots], mean_N[dots], c=colour_N, s=9, linewidths=0)
        name_axes(axes, f"true {target.name}", "mean of the mixture")

    rows = tuple(
        {"true": float(y_N[n]), "mean": float(mean_N[n]), "expert": int(arrays.expert_N[n])} for n in dots.tolist()
    )
    return Picture(
        "predicted_true",
        "Predicted against true",
        f"Scatter of {len(dots)} test samples: the mean of the mixture against the true {target.name}.",
        "A dot is a test sample, its colour the expert of its largest weight, as in the usage bands. On the dotted "
        "line the prediction is exact.",
        draw(HALF, 3.4, paint),
        rows,
        HALF,
    )


def _paint_expert(
    axes: "Axes", x_P: np.ndarray, mean_P: np.ndarray, sd_P: np.ndarray, weight_P: np.ndarray, colour: str
) -> None:
    """Line and band in pieces between points, each drawn as strong as the weight at its ends."""
    from matplotlib.collections import LineCollection, PolyCollection

    strength = (weight_P[:-1] + weight_P[1:]) / 2
    shown = np.flatnonzero(strength >= LEAST_WEIGHT)
    if shown.size == 0:
        return
    lines = [[(x_P[p], mean_P[p]), (x_P[p + 1], mean_P[p + 1])] for p in shown]
    bands = [
        [
            (x_P[p], mean_P[p] - sd_P[p]),
            (x_P[p + 1], mean_P[p + 1] - sd_P[p + 1]),
            (x_P[p + 1], mean_P[p + 1] + sd_P[p + 1]),
            (x_P[p], mean_P[p] + sd_P[p]),
        ]
        for p in shown
    ]
    alpha = np.clip(strength[shown], 0, 1)
    axes.add_collection(PolyCollection(bands, facecolors=colour, alpha=0.05 + 0.2 * alpha, linewidths=0))
    axes.add_collection(LineCollection(lines, colors=colour, alpha=0.2 + 0.8 * alpha, linewidths=2.2))


def _name_expert(
    axes: "Axes", x_P: np.ndarray, mean_P: np.ndarray, weight_P: np.ndarray, name: str, colour: str
) -> None:
    """The expert's number on its line, in the middle of the region of its largest weight."""
    total = weight_P.sum()
    if weight_P.max() < 0.1 or total == 0:
        return
    middle = int(np.searchsorted(np.cumsum(weight_P), total / 2))
    box = {"boxstyle": "circle,pad=0.22", "facecolor": "white", "edgecolor": colour, "linewidth": 1.2}
    at = (x_P[middle], mean_P[middle])
    axes.text(*at, name, color=colour, fontsize=8, ha="center", va="center", bbox=box, zorder=5)


def _sd(arrays: NumberArrays) -> np.ndarray:
    return np.sqrt(arrays.expert_variance_NE.astype(np.float64))


def _own_unit(arrays: NumberArrays, values: np.ndarray) -> np.ndarray:
    return arrays.target_mean + arrays.target_sd * values.astype(np.float64)


def _spread(index_N: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of them, evenly spaced, with the first and the last."""
    if len(index_N) <= most:
        return index_N
    return index_N[np.linspace(0, len(index_N) - 1, most).round().astype(int)]
