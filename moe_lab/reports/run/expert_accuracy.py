"""The accuracy of each expert by itself, compared with the mixture and the oracle. Axes: N test samples, E experts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, NumberArrays, RunArrays
from moe_lab.reports.kit.numbers import share
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, AXIS, INK, MUTED, WARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = (
    "Filled: the expert by itself on the samples that it was given; hollow: on all test samples. A specialist has a "
    "wide gap. The oracle knows the {target} and selects the best expert for every sample: no gate that selects one "
    "expert can do better."
)


@dataclass(frozen=True)
class _Measure:
    """The measure drawn.

    It has its name and the stem of its columns, its unit and their suffix, its digits in the figure and in the text,
    the target that the oracle knows, and the ends of the axis.
    """

    stem: str
    name: str
    suffix: str
    unit: str
    digits: str
    short: str
    target: str
    ends: Callable[[float, float], tuple[float, float]]


ACCURACY = _Measure(
    stem="accuracy",
    name="accuracy",
    suffix="percent",
    unit="%",
    digits=".1f",
    short=".0f",
    target="label",
    ends=lambda low, high: (10 * math.floor(low / 10 - 0.2), 101.5),
)
RMSE = _Measure(
    stem="rmse",
    name="RMSE",
    suffix="sd",
    unit="sd",
    digits=".2f",
    short=".2f",
    target="target",
    ends=lambda low, high: (0.0, 1.08 * high),
)


def expert_accuracy(
    arrays: ClassArrays, own_error_E: Sequence[float | None], references: Mapping[str, float]
) -> Picture:
    """Each expert's accuracy on its own samples and on all test samples, with ``references`` (error rates).

    Args:
        own_error_E: expert_error_rate of metrics.json: error of the arg-max expert's own prediction, null if dead.
        references: name -> error rate, drawn as lines (the mixture, the oracle).
    """
    all_E = 100 * (arrays.expert_prediction_NE == arrays.label_N[:, None]).mean(0)
    own_E = np.array([math.nan if error is None else 100 * (1 - error) for error in own_error_E])
    return _dots(arrays, own_E, all_E, {name: 100 * (1 - error) for name, error in references.items()}, ACCURACY)


def expert_rmse(arrays: NumberArrays, own_rmse_E: Sequence[float | None], references: Mapping[str, float]) -> Picture:
    """Each expert's root mean squared error on its own samples and on all test samples, in sd.

    Args:
        own_rmse_E: expert_rmse_sd of metrics.json, null if dead.
        references: name -> RMSE, drawn as lines (the mixture, the oracle).
    """
    all_E = np.sqrt(np.square(arrays.expert_error_NE).mean(0))
    own_E = np.array([math.nan if rmse is None else rmse for rmse in own_rmse_E])
    return _dots(arrays, own_E, all_E, references, RMSE)


def _dots(
    arrays: RunArrays, own_E: np.ndarray, all_E: np.ndarray, lines: Mapping[str, float], measure: _Measure
) -> Picture:
    load_E, experts, unit = arrays.load_E, arrays.experts, measure.unit
    drawn = np.array([*all_E, *own_E, *lines.values()])

    def paint(figure: "Figure", axes: "Axes") -> None:
        y_E = np.arange(experts)
        axes.hlines(y_E, np.fmin(all_E, own_E), np.fmax(all_E, own_E), color=AXIS, linewidth=2)
        axes.plot(all_E, y_E, "o", color="white", markeredgecolor=MUTED, markersize=6, markeredgewidth=1.4)
        axes.plot(own_E, y_E, "o", color=ACCENT, markersize=6.5)
        axes.set_xlim(*measure.ends(np.nanmin([all_E, own_E]), np.nanmax(drawn)))
        for level, (name, value) in enumerate(lines.items()):
            _reference_line(axes, f"{name} {value:{measure.digits}} {unit}", value, level)
        shares = [f"{e}  ({share(load, arrays.routed_count)})" for e, load in enumerate(load_E)]
        axes.set_yticks(y_E, shares, fontsize=8.5 if experts <= 32 else 7)
        axes.set_ylim(experts - 0.4, -0.6)
        axes.set_title("expert (share of the samples)", pad=12 + 13 * len(lines))
        axes.set_xlabel(f"{measure.name} ({unit})", loc="right")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")

    rows = tuple(
        {
            "expert": e,
            "samples": int(load_E[e]),
            f"{measure.stem}_own_{measure.suffix}": None if math.isnan(own_E[e]) else float(own_E[e]),
            f"{measure.stem}_all_{measure.suffix}": float(all_E[e]),
            **{f"{name}_{measure.suffix}": value for name, value in lines.items()},
        }
        for e in range(experts)
    )
    svg = draw(HALF, 1.2 + (0.28 if experts <= 32 else 0.17) * experts, paint)
    named = ", ".join(f"{name} {value:{measure.digits}} {unit}" for name, value in lines.items())
    own = ", ".join(f"expert {e} {v:{measure.short}} {unit}" for e, v in enumerate(own_E) if not math.isnan(v))
    return Picture(
        f"expert_{measure.stem}",
        "Each expert compared with the mixture",
        f"Dot plot of the {measure.name} of {experts} experts. On their own samples: {own}. Lines: {named}.",
        CAPTION.format(target=measure.target),
        svg,
        rows,
        HALF,
    )


def _reference_line(axes: "Axes", text: str, x: float, level: int) -> None:
    """A vertical line with its name above the axes, ``level`` text lines higher."""
    colour, dash = ((INK, "-"), (WARM, "--"))[level % 2]
    axes.axvline(x, color=colour, linewidth=1.0, linestyle=dash)
    side = "right" if x > sum(axes.get_xlim()) / 2 else "left"
    axes.annotate(
        text, (x, 1), (0, 4 + 13 * level), axes.get_xaxis_transform(), "offset points",
        color=colour, ha=side, va="bottom", fontsize=8.5, annotation_clip=False,
    )  # fmt: skip
