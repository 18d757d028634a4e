"""Figures of history.csv: accuracy, loss and entropies over the epochs. Axis: T epochs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, INK, MUTED, WARM, epoch_ticks, label_ends, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Sequence[dict[str, float | None]]

DENSITY = (
    "Lower is better. It may be negative, since a density may exceed 1. The loss of a single Gaussian with the mean "
    "and the sd of all targets, independent of the input, is 1.42 nats."
)
EARLY = (
    "Training values are averages during the epoch, while the weights change; validation is measured after each epoch."
)


@dataclass(frozen=True)
class Curve:
    """One line of a figure; the dash distinguishes training from validation without colour."""

    name: str
    label: str
    values_T: np.ndarray
    colour: str
    dash: str

    @property
    def last(self) -> float:
        """The last finite value; NaN if there is none."""
        finite = self.values_T[np.isfinite(self.values_T)]
        return float(finite[-1]) if finite.size else math.nan


def column(history: History, name: str) -> np.ndarray:
    """A column as float64, NaN if a cell is empty or the column is absent."""
    return np.array([math.nan if row.get(name) is None else row[name] for row in history], dtype=float)


def expert_count(history: History) -> int:
    """E, from the number of columns."""
    return sum(name.startswith("usage_share_") for name in history[0]) if history else 0


def accuracy_curve(history: History) -> Picture:
    """Accuracy in percent, 100 (1 - error rate), of training and validation."""
    training, validation = (100 * (1 - column(history, f"{split}_error_rate")) for split in ("train", "validation"))
    curves = [
        Curve("train_accuracy_percent", "training", training, MUTED, "--"),
        Curve("validation_accuracy_percent", "validation", validation, ACCENT, "-"),
    ]
    caption = f"The error rate is 100 % minus the accuracy. {EARLY}"
    return _picture(history, curves, stem="accuracy", title="Accuracy", y="accuracy (%)", caption=caption)


def quality_curve(history: History) -> Picture:
    """The RMSE in regression, else the accuracy."""
    return rmse_curve(history) if "train_rmse_sd" in history[0] else accuracy_curve(history)


def rmse_curve(history: History) -> Picture:
    """Root mean squared error of the mixture's mean in sd, of training and validation."""
    curves = [
        Curve(name, label, column(history, name), colour, dash)
        for name, label, colour, dash in (
            ("train_rmse_sd", "training", MUTED, "--"),
            ("validation_rmse_sd", "validation", ACCENT, "-"),
        )
    ]
    caption = f"In sd of the training targets: predicting the mean of all targets gives 1. {EARLY}"
    return _picture(history, curves, stem="rmse", title="RMSE", y="RMSE (sd)", caption=caption)


def loss_curve(history: History) -> Picture:
    """Negative log-likelihood in nats, of training and validation."""
    curves = [
        Curve(name, label, column(history, name), colour, dash)
        for name, label, colour, dash in (
            ("train_loss_nats", "training", MUTED, "--"),
            ("validation_loss_nats", "validation", ACCENT, "-"),
        )
    ]
    numbers = "train_rmse_sd" in history[0]
    caption = DENSITY if numbers else "Lower is better; the loss of guessing uniformly among C classes is ln C nats."
    return _picture(history, curves, stem="loss", title="Loss", y="loss (nats per sample)", caption=caption)


def entropy_curve(history: History) -> Picture:
    """Usage entropy H(E) and mean sample entropy H(E|X) in bits, below their bound log2 E."""
    curves = [
        Curve(name, label, column(history, name), colour, dash)
        for name, label, colour, dash in (
            ("train_usage_entropy_bits", "usage", ACCENT, "--"),
            ("validation_usage_entropy_bits", "usage", ACCENT, "-"),
            ("train_sample_entropy_bits", "sample", WARM, "--"),
            ("validation_sample_entropy_bits", "sample", WARM, "-"),
        )
    ]
    caption = (
        "Usage entropy H(E) near the bound: all experts are used evenly. Sample entropy H(E|X) near 0: the gate gives "
        "each sample almost entirely to one expert. Dashed: training; solid: validation."
    )
    words = {"stem": "entropies", "title": "Entropies of the gate", "y": "entropy (bits)", "caption": caption}
    return _picture(history, curves, **words, bound_bits=math.log2(expert_count(history)))


def _picture(
    history: History,
    curves: Sequence[Curve],
    *,
    stem: str,
    title: str,
    y: str,
    caption: str,
    bound_bits: float | None = None,
) -> Picture:
    epochs = column(history, "epoch")
    curves = [curve for curve in curves if np.isfinite(curve.values_T).any()]
    ends = {curve.label: (curve.last, curve.label, curve.colour) for curve in curves}

    def paint(figure: "Figure", axes: "Axes") -> None:
        for curve in curves:
            dots: dict[str, Any] = {"marker": "o", "markersize": 4} if len(epochs) < 8 else {}
            axes.plot(epochs, curve.values_T, color=curve.colour, linestyle=curve.dash, **dots)
        axes.margins(x=0.02)
        name_axes(axes, "epoch", y)
        epoch_ticks(axes)
        if bound_bits is not None:
            axes.axhline(bound_bits, color=INK, linewidth=0.9, linestyle=":")
            axes.set_ylim(-0.04 * bound_bits, 1.08 * bound_bits)
            ends["bound"] = (bound_bits, "log\N{SUBSCRIPT TWO} E", INK)
        label_ends(axes, list(ends.values()))

    values = "; ".join(f"{curve.name} {curve.last:.4g}" for curve in curves) or "no value was recorded"
    alt = f"{title} over {len(history)} epochs. At the end: {values}."
    rows = tuple(
        {"epoch": int(epoch), **{curve.name: _cell(curve.values_T[index]) for curve in curves}}
        for index, epoch in enumerate(epochs)
    )
    return Picture(stem, title, alt, caption, draw(HALF, 2.9, paint), rows, HALF)


def _cell(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
