"""The most typical test images of each expert as one picture, one row per expert.

Axes: M stored images of shape (channels, H pixels, W pixels), E experts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.numbers import share
from moe_lab.reports.kit.picture import Picture, draw
from moe_lab.reports.kit.style import INK, MUTED, WARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Examples = Mapping[str, np.ndarray]

MOST_ROWS = 24
#: small images are enlarged to at least this number of pixels, large ones reduced to at most twice as many
PIXELS = 48
#: widths in inches: of the row labels; of a tile with its gap for few rows, and for many
MARGIN, LARGE, SMALL = 1.35, 1.0, 0.8
#: in widths of a tile with its gap: the gap, a line of the caption, and the space below a row
GAP, LINE, SPACE = 0.11, 0.15, 0.1


def is_image(image: np.ndarray) -> bool:
    """Whether arrays (M, *shape) are images: (channels, height, width), with one channel or three."""
    if image.ndim != 4 or image.shape[1] not in (1, 3) or not image.size:
        return False
    return max(image.shape[2:]) <= 4 * min(image.shape[2:])


def typical_images(examples: Examples, load_E: np.ndarray, class_names: Sequence[str] | None) -> Picture:
    """The picture of ``examples`` as in examples.npz; ``class_names`` is None in regression.

    Of more than 24 experts, only the most used are shown.
    """
    most_used = sorted(np.argsort(-load_E, kind="stable")[:MOST_ROWS].tolist())
    found = {e: np.flatnonzero(examples["expert"] == e) for e in most_used}
    rows = {e: indices for e, indices in found.items() if len(indices)}
    sheet = Sheet(examples, rows, class_names)
    width = MARGIN + sheet.columns * (LARGE if len(rows) <= 10 else SMALL)

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.set_position((MARGIN / width, 0, 1 - MARGIN / width, 1))
        sheet.paint(axes)
        for line, expert in enumerate(rows):
            text = f"expert {expert}\n{share(load_E[expert], load_E.sum())} of samples"
            left, middle = -MARGIN * sheet.columns / (width - MARGIN), sheet.pitch * line + sheet.tall / 2
            axes.text(left, middle, text, ha="left", va="center", fontsize=8.5, color=INK, linespacing=1.5)

    shown = f" The {len(most_used)} most used of {len(load_E)} experts." if len(load_E) > MOST_ROWS else ""
    return Picture(
        "typical_images",
        "The most typical images of each expert",
        f"{sum(map(len, rows.values()))} test images, a row for each of {len(rows)} experts.",
        f"The test images for which the gate gives each expert its largest weights, {_labels_note(class_names)}{shown}",
        draw(width, sheet.pitch * len(rows) * (width - MARGIN) / sheet.columns, paint),
        tuple(sheet.facts()),
        width,
    )


def _labels_note(class_names: Sequence[str] | None) -> str:
    if class_names is None:
        return "with their target; the mixture's prediction follows in orange. Both are in sd."
    return "with their class; if the mixture is wrong, its prediction follows in orange."


@dataclass(frozen=True)
class Sheet:
    """Tiles in rows. Lengths are in widths of a tile with its gap, from the upper left corner."""

    examples: Examples
    rows: Mapping[int, np.ndarray]
    class_names: Sequence[str] | None

    @property
    def columns(self) -> int:
        return max(map(len, self.rows.values()))

    @property
    def tall(self) -> float:
        """Height of a tile."""
        H, W = self.examples["image"].shape[2:]
        return (1 - GAP) * H / W

    @property
    def pitch(self) -> float:
        """The distance between rows of tiles: with two lines of caption if the mixture is wrong somewhere."""
        wrong = any((self.examples["label"] != self.examples["prediction"])[i].any() for i in self.rows.values())
        return self.tall + (2 if wrong else 1) * LINE + SPACE

    def paint(self, axes: "Axes") -> None:
        for line, indices in enumerate(self.rows.values()):
            for place, index in enumerate(indices):
                top = line * self.pitch
                extent = (place, place + 1 - GAP, top + self.tall, top)
                axes.imshow(_pixels(self.examples["image"][index]), interpolation="none", extent=extent, aspect="auto")
                self._caption(axes, place + (1 - GAP) / 2, top + self.tall, index)
        axes.set_xlim(0, self.columns)
        axes.set_ylim(self.pitch * len(self.rows), 0)
        axes.set_axis_off()

    def _caption(self, axes: "Axes", x: float, y: float, index: int) -> None:
        label, prediction = self._names(index)
        words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "parse_math": False}
        axes.text(x, y + 0.6 * LINE, shortened(label, 12), color=MUTED, **words)
        if self.examples["prediction"][index] != self.examples["label"][index]:
            answer = f"\N{RIGHTWARDS ARROW} {shortened(prediction, 10)}"
            axes.text(x, y + 1.5 * LINE, answer, color=WARM, **words)

    def _names(self, index: int) -> tuple[str, str]:
        return self._name(self.examples["label"][index]), self._name(self.examples["prediction"][index])

    def _name(self, value: float) -> str:
        return f"{value:.2f}" if self.class_names is None else self.class_names[int(value)]

    def facts(self) -> list[dict[str, Any]]:
        """The rows of the CSV: one per image."""
        return [
            {
                "expert": expert,
                "place": place,
                "sample_index": int(self.examples["sample_index"][index]),
                **dict(zip(("label", "prediction"), self._names(index), strict=True)),
                "weight": round(float(self.examples["weight"][index]), 6),
            }
            for expert, indices in self.rows.items()
            for place, index in enumerate(indices)
        ]


def _pixels(image: np.ndarray) -> np.ndarray:
    """(channels, H, W) as (H, W, 3), with pixels repeated or only every n-th kept, so that viewers do not smooth."""
    largest = max(image.shape[1:])
    repeat, step = max(1, PIXELS // largest), max(1, largest // (2 * PIXELS))
    tile = image[:, ::step, ::step].repeat(repeat, axis=-2).repeat(repeat, axis=-1)
    return np.broadcast_to(tile, (3, *tile.shape[1:])).transpose(1, 2, 0)
