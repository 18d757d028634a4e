"""The weights of a linear gate as images. Axes: E experts."""

from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.kit.picture import FULL, Picture, draw
from moe_lab.reports.kit.style import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: experts whose weights are shown, and those in a row
MOST, COLUMNS = 16, 8


def gate_pictures(weights: np.ndarray) -> Picture | None:
    """The weights (E, channels, height, width) of a gate that is linear in the input.

    One image per expert, mean over channels; None if samples are not images.
    """
    if weights.ndim != 4:
        return None
    image_EHW = weights[:MOST].mean(1)
    columns = min(COLUMNS, len(image_EHW))
    lines = -(-len(image_EHW) // columns)
    largest = float(np.abs(image_EHW).max()) or 1.0

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        panels = figure.subplots(lines, columns, squeeze=False)
        for expert, panel in enumerate(panels.flatten()):
            panel.set_axis_off()
            if expert < len(image_EHW):
                drawn = panel.imshow(
                    image_EHW[expert], cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest"
                )
                panel.set_title(f"expert {expert}", fontsize=8.5, color=MUTED)
        bar = figure.colorbar(drawn, ax=panels, location="right", aspect=18, pad=0.01, shrink=0.9)
        bar.outline.set_visible(False)
        bar.set_label("weight", fontsize=8)
        bar.ax.tick_params(labelsize=7.5)

    height, width = image_EHW.shape[1:]
    rows = tuple(
        {"row": r, "column": c} | {f"expert_{e}": float(image_HW[r, c]) for e, image_HW in enumerate(image_EHW)}
        for r in range(height)
        for c in range(width)
    )
    return Picture(
        "gate_weights",
        "Weights of the gate",
        f"{len(image_EHW)} images of the gate's weights, one per expert; the largest is {largest:.3g}.",
        "The gate's score of an expert is a weighted sum of the pixels. Bright pixels raise the expert's score where "
        "the image is red, and lower it where it is blue."
        + ("" if len(weights) <= MOST else f" The first {MOST} of {len(weights)} experts."),
        draw(FULL, 0.35 + lines * (FULL - 0.8) / columns * height / width + 0.2 * lines, paint),
        rows,
        FULL,
    )
