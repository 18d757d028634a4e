"""Heat maps of every two experts, side by side. Axes: E experts."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.picture import HALF, Picture, draw
from moe_lab.reports.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: values are written into the cells up to this many experts
WRITTEN = 8
#: name -> values [E, E], NaN where there is none; name of the colours, and their ends
Panels = Mapping[str, tuple[np.ndarray, str, float, float]]


def heat_maps(stem: str, title: str, panels: Panels, caption: str, width: float) -> Picture:
    """A panel for each name. The diagonal, an expert with itself, is left out."""
    shown = {name: (_without_diagonal(one[0]), *one[1:]) for name, one in panels.items()}
    experts = len(next(iter(shown.values()))[0])
    height = 3.1 if width == HALF else 3.4

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        for place, (panel, (name, (values_EE, colours, low, high))) in enumerate(
            zip(np.atleast_1d(figure.subplots(1, len(shown))), shown.items(), strict=True)
        ):
            image = panel.imshow(values_EE, cmap=colours, vmin=low, vmax=high)
            panel.set_title(name)
            step = max(1, math.ceil(experts / 16))
            ticks = range(0, experts, step)
            panel.set_xticks(ticks)
            panel.set_yticks(ticks)
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            if place == 0:
                panel.set_ylabel("expert", loc="top")
            panel.set_xlabel("expert", loc="right")
            bar = figure.colorbar(image, ax=panel, location="bottom", shrink=0.8, aspect=24, pad=0.03)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7.5)
            if experts <= WRITTEN:
                _write(panel, values_EE, low, high, 7.5 if len(shown) > 2 else 8)

    rows = tuple(
        {"expert": e, "other": f, **{name: _cell(values_EE[e, f]) for name, (values_EE, *_) in shown.items()}}
        for e in range(experts)
        for f in range(e + 1, experts)
    )
    known = {name: values_EE for name, (values_EE, *_) in shown.items() if np.isfinite(values_EE).any()}
    means = ", ".join(f"{name} {np.nanmean(values_EE):.2f}" for name, values_EE in known.items())
    return Picture(
        stem,
        title,
        f"Heat maps over every two of {experts} experts. Means over pairs: {means or 'none'}.",
        caption,
        draw(width, height, paint),
        rows,
        width,
    )


def _without_diagonal(values_EE: np.ndarray) -> np.ndarray:
    shown_EE = values_EE.astype(np.float64)
    np.fill_diagonal(shown_EE, math.nan)
    return shown_EE


def _write(panel: "Axes", values_EE: np.ndarray, low: float, high: float, size: float) -> None:
    digits = ".0f" if high > 2 else ".2f"
    for e, f in np.argwhere(np.isfinite(values_EE)):
        place = (values_EE[e, f] - low) / (high - low)
        dark = abs(2 * place - 1) > 0.66 if low < 0 else place > 0.6
        text = f"{values_EE[e, f]:{digits}}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")
        panel.text(f, e, text, ha="center", va="center", fontsize=size, color="white" if dark else INK)


def _cell(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
