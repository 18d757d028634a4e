"""Further test images, and the gate's weights as images. Axes: M stored images, E experts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.kit.picture import Picture, draw
from moe_lab.reports.kit.style import INK
from moe_lab.reports.run.images import MARGIN, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Examples = Mapping[str, np.ndarray]

PREFIX = "regret_"
#: images per row
ROW = 8


def regretted_images(examples: Examples, class_names: Sequence[str] | None) -> Picture | None:
    """The test images of the largest regret, in falling order; None if there are none."""
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
        "Images that some expert predicts much better than the mixture. The regret is the log probability of the "
        f"true target by the best expert for the image minus that by the mixture, log max P(y) \N{MINUS SIGN} log "
        f"q(y). {_labels_note(class_names)}",
        draw(width, sheet.pitch * len(lines) * (width - MARGIN) / sheet.columns, paint),
        tuple(facts),
        width,
    )


def _labels_note(class_names: Sequence[str] | None) -> str:
    return (
        "Below each image its " + ("target" if class_names is None else "class") + ", and in orange a wrong prediction."
    )
