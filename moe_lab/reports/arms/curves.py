"""Accuracy (in regression: RMSE) and loss over the epochs, one line per arm: the mean over seeds. Axis: T epochs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.arms.collect import Arm, Member
from moe_lab.reports.arms.look import Look, name_ends, seeds_text
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import epoch_ticks, faint, name_axes
from moe_lab.reports.run.curves import History, column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: up to this number of arms, every seed is drawn as well
THIN = 8
#: most histories that are read per arm
READ = 20

Shown = Callable[[np.ndarray], np.ndarray]
#: quantity of the history -> stem, title, y label, format, metric of the test split
CURVES: dict[str, tuple[str, str, str, Shown, str]] = {
    "error_rate": ("accuracy", "Accuracy", "accuracy (%)", lambda rate: 100 * (1 - rate), "test_error_rate"),
    "rmse_sd": ("rmse", "RMSE", "RMSE (sd)", lambda rmse: rmse, "test_rmse_sd"),
    "loss_nats": ("loss", "Loss", "loss (nats per sample)", lambda loss: loss, "test_loss_nats"),
}


def learning_curves(arms: Sequence[Arm], look: Look) -> list[Picture]:
    """A picture of each quantity that the histories have."""
    histories = {arm.key: [history for one in arm.members[:READ] if (history := _history(one))] for arm in arms}
    trained = [arm for arm in arms if histories[arm.key]]
    pictures = []
    for quantity in CURVES:
        having = [arm for arm in trained if f"train_{quantity}" in histories[arm.key][0][0]]
        if having:
            pictures.append(_picture(quantity, having, histories, look))
    return pictures


def _history(member: Member) -> History:
    """The history of a run that trained and is not a repetition, even if it did not finish."""
    if member.run is None or member.repeats is not None or not (member.run.path / "history.csv").is_file():
        return []
    return member.run.history_rows


def _lines(arm_histories: Sequence[History], quantity: str, show: Shown) -> tuple[np.ndarray, bool]:
    """``[n, T]``: the validation curves, or the training curves if those are empty; and whether they are validation."""
    validation = [show(column(history, f"validation_{quantity}")) for history in arm_histories]
    is_validation = any(np.isfinite(line).any() for line in validation)
    lines = validation if is_validation else [show(column(history, f"train_{quantity}")) for history in arm_histories]
    longest = max(map(len, lines))
    padded = [np.concatenate([line, np.full(longest - len(line), np.nan)]) for line in lines]
    return np.stack(padded), is_validation


def _mean(lines_nT: np.ndarray) -> np.ndarray:
    """The mean over the runs that have the epoch."""
    known_T = np.isfinite(lines_nT).sum(0)
    return np.where(known_T > 0, np.nansum(lines_nT, 0) / np.maximum(known_T, 1), np.nan)


def _thin(lines_nT: np.ndarray, arms: Sequence[Arm]) -> bool:
    """Whether each seed of an arm has a line of its own."""
    return len(lines_nT) > 1 and len(arms) <= THIN


def _split(held: set[bool]) -> str:
    """Of which split the lines are; ``held``: whether the arms have a validation split."""
    if held == {True}:
        return "Lines: mean over seeds on the validation split after each epoch."
    if held == {False}:
        return "Dashed lines: mean over seeds on the training data after each epoch; there is no validation split."
    return (
        "Lines: mean over seeds on the validation split after each epoch; dashed: on the training data, in arms "
        "without a validation split."
    )


def _picture(quantity: str, arms: Sequence[Arm], histories: dict[str, list[History]], look: Look) -> Picture:
    stem, title, y, show, metric = CURVES[quantity]
    drawn = {arm.key: _lines(histories[arm.key], quantity, show) for arm in arms}
    tests = {arm.key: _test(arm, metric, show) for arm in arms}

    def paint(figure: "Figure", axes: "Axes") -> None:
        ends: dict[Arm, float] = {}
        for arm in arms:
            lines_nT, is_validation = drawn[arm.key]
            mean_T, colour = _mean(lines_nT), look.colour[arm.key]
            epochs = np.arange(1, len(mean_T) + 1)
            dash, marker = "-" if is_validation else "--", "o" if len(mean_T) < 8 else ""
            if _thin(lines_nT, arms):
                axes.plot(epochs, lines_nT.T, color=faint(colour), linewidth=0.5, zorder=1.5)
            axes.plot(epochs, mean_T, color=colour, linewidth=2.0, linestyle=dash, marker=marker, markersize=4)
            if (test := tests[arm.key]) is not None:
                axes.plot(
                    epochs[-1], test, look.marker[arm.key], color=colour, markersize=6.5, markeredgecolor="white",
                    markeredgewidth=0.8, zorder=3,
                )  # fmt: skip
            finite = mean_T[np.isfinite(mean_T)]
            ends[arm] = float(finite[-1]) if finite.size else np.nan
        axes.margins(x=0.03)
        name_axes(axes, "epoch", y)
        epoch_ticks(axes)
        if len(arms) <= 2 * THIN:
            name_ends(axes, look, ends)

    rows = tuple(
        {"arm": arm.key, "epoch": epoch, "split": "validation" if drawn[arm.key][1] else "training"}
        | {f"mean_{stem}": float(value) if np.isfinite(value) else None, "runs": int(runs)}
        for arm in arms
        for epoch, (value, runs) in enumerate(
            zip(_mean(drawn[arm.key][0]), np.isfinite(drawn[arm.key][0]).sum(0), strict=True), start=1
        )
    )
    counts = seeds_text([len(drawn[arm.key][0]) for arm in arms])
    thin = " Thin lines: each seed." if any(_thin(lines, arms) for lines, _ in drawn.values()) else ""
    caption = f"{_split({held for _, held in drawn.values()})}{thin} Markers at the end: the test split. {counts}."
    values = "; ".join(f"{key} {test:.4g}" for key, test in tests.items() if test is not None)
    alt = f"{title} of {len(arms)} arms over the epochs. On the test split: {values or 'none finished'}."
    return Picture(stem, title, alt, caption, draw(HALF, 3.1, paint), rows, HALF, paint)


def _test(arm: Arm, metric: str, show: Shown) -> float | None:
    values = list(arm.values(metric).values())
    return float(show(np.array(values).mean(keepdims=True)).item()) if values else None
