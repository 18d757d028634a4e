"""Curves of several runs on top of each other."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from moe_lab.reports.curves import column
from moe_lab.reports.entry import Entry
from moe_lab.reports.picture import HALF, Picture, draw
from moe_lab.reports.style import INK, epoch_ticks, label_ends, name_axes


def accuracies(entries: Sequence[Entry]) -> Picture:
    """Validation accuracy over the epochs, and the test accuracy at the end."""
    lines = [_line(entry, "error_rate", lambda rate: 100 * (1 - rate)) for entry in entries]
    tests = [100 * (1 - e) if (e := entry.value("test_error_rate")) is not None else None for entry in entries]
    caption = (
        "Lines: accuracy on the validation split after each epoch (dashed: on the training data, where a run has no "
        "validation split). Diamonds: accuracy on the test split at the end."
    )
    words = {"stem": "accuracy", "title": "Accuracy", "y": "accuracy (%)", "caption": caption}
    return _overlay(entries, lines, tests, **words)


def rmses(entries: Sequence[Entry]) -> Picture:
    """Validation RMSE over the epochs, and the test RMSE at the end."""
    lines = [_line(entry, "rmse_sd", lambda rmse: rmse) for entry in entries]
    tests = [entry.value("test_rmse_sd") for entry in entries]
    caption = (
        "Lines: root mean squared error on the validation split after each epoch, in sd of the training targets "
        "(dashed: on the training data, where a run has no validation split). Diamonds: on the test split at the end."
    )
    words = {"stem": "rmse", "title": "RMSE", "y": "RMSE (sd)", "caption": caption}
    return _overlay(entries, lines, tests, **words)


def losses(entries: Sequence[Entry]) -> Picture:
    """Validation loss over the epochs, and the test loss at the end."""
    lines = [_line(entry, "loss_nats", lambda loss: loss) for entry in entries]
    tests = [entry.value("test_loss_nats") for entry in entries]
    caption = "Lines and diamonds as in the figure before."
    words = {"stem": "loss", "title": "Loss", "y": "loss (nats a sample)", "caption": caption}
    return _overlay(entries, lines, tests, **words)


def _line(entry: Entry, quantity: str, change: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, bool]:
    """The validation curve, or the training curve where that is empty; and whether it is validation."""
    validation = change(column(entry.history, f"validation_{quantity}"))
    if np.isfinite(validation).any():
        return validation, True
    return change(column(entry.history, f"train_{quantity}")), False


def _overlay(
    entries: Sequence[Entry],
    lines: Sequence[tuple[np.ndarray, bool]],
    tests: Sequence[float | None],
    *,
    stem: str,
    title: str,
    y: str,
    caption: str,
) -> Picture:
    def paint(figure, axes):
        ends = []
        for entry, (values, is_validation), test in zip(entries, lines, tests, strict=True):
            epochs = np.arange(1, len(values) + 1)
            style = {"linestyle": "-" if is_validation else "--", "marker": "o" if len(values) < 8 else ""}
            axes.plot(epochs, values, color=entry.colour, linewidth=1.6, markersize=4, **style)
            if test is not None:
                diamond = {"markersize": 6.5, "markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 3}
                axes.plot(epochs[-1], test, "D", color=entry.colour, **diamond)
            finite = values[np.isfinite(values)]
            ends.append((finite[-1] if finite.size else math.nan, entry.key, INK))
        axes.margins(x=0.03)
        name_axes(axes, "epoch", y)
        epoch_ticks(axes)
        label_ends(axes, ends, gap=min(0.085, 1 / max(1, len(ends))))

    rows = tuple(
        {
            "key": entry.key,
            "run": entry.run.name,
            "epoch": epoch,
            "split": "validation" if is_validation else "training",
            title.lower(): float(value) if math.isfinite(value) else None,
            "test_at_the_end": test,
        }
        for entry, (values, is_validation), test in zip(entries, lines, tests, strict=True)
        for epoch, value in enumerate(values, start=1)
    )
    told = "; ".join(f"{e.key} {test:.4g}" for e, test in zip(entries, tests, strict=True) if test is not None)
    alt = f"{title} of {len(entries)} runs over the epochs. On the test split: {told or 'none finished'}."
    return Picture(stem, title, alt, caption, draw(HALF, 3.1, paint), rows, HALF)
