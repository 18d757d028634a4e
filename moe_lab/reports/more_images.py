"""Further test images, and the gate's weights as images. Axes: M stored images, E experts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.images import MARGIN, Sheet
from moe_lab.reports.picture import FULL, Picture, draw
from moe_lab.reports.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Examples = Mapping[str, np.ndarray]

PREFIX = "regret_"
#: images a row, experts whose weights are shown, and those in a row
ROW, MOST, COLUMNS = 8, 16, 8


def regretted_images(examples: Examples, class_names: Sequence[str] | None) -> Picture | None:
    """The test images of the largest regret, the largest first; None where there are none."""
    shown = {name.removeprefix(PREFIX): one for name, one in examples.items() if name.startswith(PREFIX)}
    if not len(shown.get("nats", ())):
        return None
    count = len(shown["nats"])
    lines = {line: np.arange(start, min(start + ROW, count)) for line, start in enumerate(range(0, count, ROW))}
    sheet = Sheet(shown | {"weight": shown["nats"]}, lines, class_names)
    width = MARGIN + sheet.columns

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.set_position((MARGIN / width, 0, 1 - MARGIN / width, 1))
        sheet.paint(axes)
        for line, indices in lines.items():
            most, least = shown["nats"][indices[0]], shown["nats"][indices[-1]]
            left, middle = -MARGIN * sheet.columns / (width - MARGIN), sheet.pitch * line + sheet.tall / 2
            axes.text(left, middle, f"regret\n{most:.1f} to {least:.1f} nats", va="center", fontsize=8.5, color=INK)

    facts = [
        {name: fact for name, fact in one.items() if name not in ("expert", "place", "weight")}
        | {"expert": int(shown["expert"][m]), "best": int(shown["best"][m]), "regret_nats": float(shown["nats"][m])}
        for m, one in enumerate(sheet.facts())
    ]
    return Picture(
        "regretted_images",
        "The images of the largest regret",
        f"{count} test images, the largest regret first, from {shown['nats'][0]:.2f} nats.",
        "Where an expert knew best and was not heard: the regret is what the best expert for the image gives to its "
        f"true target beyond what the mixture gives, log max P(y) \N{MINUS SIGN} log q(y). {_told(class_names)}",
        draw(width, sheet.pitch * len(lines) * (width - MARGIN) / sheet.columns, paint),
        tuple(facts),
        width,
    )


def _told(class_names: Sequence[str] | None) -> str:
    return "Below each image its " + ("target" if class_names is None else "class") + ", and in orange a wrong answer."


def gate_pictures(weights: np.ndarray) -> Picture | None:
    """The weights (E, channels, height, width) of a gate that is linear in the input, an image an expert, mean over
    channels; None where samples are no images."""
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
        "What the gate looks for",
        f"{len(image_EHW)} images of the gate's weights, one an expert; the largest is {largest:.3g}.",
        "The gate's score of an expert is a weighted sum of the pixels: red pixels, where bright, speak for the "
        "expert, blue ones against it."
        + ("" if len(weights) <= MOST else f" The first {MOST} of {len(weights)} experts."),
        draw(FULL, 0.35 + lines * (FULL - 0.8) / columns * height / width + 0.2 * lines, paint),
        rows,
        FULL,
    )
