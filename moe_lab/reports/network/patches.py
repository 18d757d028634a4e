"""Images with their patches coloured by the expert of their first choice, one picture per layer.

Axes: M stored images of (channels, height, width), S patches of an image, in rows from the top left.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.picture import FULL, Picture, draw
from moe_lab.reports.kit.style import MUTED, colours, ink_on
from moe_lab.reports.run.images import is_image
from moe_lab.routing.trace import LayerTrace, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: images per row, and pixels of one side on the page's grid
COLUMNS, PIXELS = 10, 56
#: opacity of the expert's colour on a patch
TINT = 0.55
#: most patches of an image with numbers on them, and most experts in the legend
NUMBERED, LEGEND = 16, 24
#: the gap, and the line below it, in widths of an image with its gap
GAP, LINE = 0.08, 0.2
NO_EXPERT = "#ffffff"


@dataclass(frozen=True)
class Shown:
    """The stored images, by class. ``rows_MS``: the rows of the trace for their patches."""

    image: np.ndarray
    label_M: np.ndarray
    document_M: np.ndarray
    rows_MS: np.ndarray
    class_names: Sequence[str]

    @property
    def side(self) -> int:
        """The side of a patch in pixels."""
        return math.isqrt(self.image.shape[2] * self.image.shape[3] // self.rows_MS.shape[1])

    @staticmethod
    def of(trace: Trace, examples: Mapping[str, np.ndarray], class_names: Sequence[str]) -> "Shown | None":
        """The images; None if the samples are not images that divide into patches."""
        order = np.lexsort((examples["document"], examples["label"]))
        image, document_M = examples["image"][order], examples["document"][order]
        places = np.bincount(trace.document_T)
        if not is_image(image) or trace.position_T is None or places.min() != places.max() or places[0] < 2:
            return None
        # rows by document, within it by position
        rows = np.lexsort((trace.position_T, trace.document_T)).reshape(-1, places[0])
        shown = Shown(image, examples["label"][order], document_M, rows[document_M], class_names)
        high, wide = image.shape[2:]
        divides = not (high % shown.side or wide % shown.side)
        return shown if divides and (high // shown.side) * (wide // shown.side) == places[0] else None


def patch_picture(trace: Trace, layer: LayerTrace, shown: Shown) -> Picture:
    """Every stored image with the first choices of one layer."""
    expert_MS = first_choice(layer)[shown.rows_MS]
    palette = colours(layer.experts)
    images, (high, wide) = len(shown.image), shown.image.shape[2:]
    columns = min(COLUMNS, images)
    tall = (1 - GAP) * high / wide
    pitch, lines = tall + LINE, -(-images // columns)
    used = [e for e in range(layer.experts) if (expert_MS == e).any()]
    legend = sorted(sorted(used, key=lambda e: -(expert_MS == e).sum())[:LEGEND])
    legend_rows = -(-len(legend) // 12)

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.set_position((0, 0, 1, 1))
        for place in range(images):
            left, top = place % columns, place // columns * pitch
            extent = (left, left + 1 - GAP, top + tall, top)
            mixed_HW3 = tinted(shown, place, expert_MS[place], palette)
            axes.imshow(mixed_HW3, extent=extent, interpolation="none")
            name = shortened(str(shown.class_names[int(shown.label_M[place])]), 12)
            words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "parse_math": False}
            axes.text(left + (1 - GAP) / 2, top + tall + LINE / 2, name, color=MUTED, **words)
            if expert_MS.shape[1] <= NUMBERED:
                _number(axes, shown, expert_MS[place], mixed_HW3, (left, top))
        _legend(axes, legend, palette, pitch * lines + 0.1)
        axes.set_xlim(0, columns)
        axes.set_ylim(pitch * lines + 0.1 + 0.25 * legend_rows, 0)
        axes.set_axis_off()

    height = (pitch * lines + 0.1 + 0.25 * legend_rows) * FULL / columns
    classes = len(np.unique(shown.label_M))
    numbers = ", with its number" if expert_MS.shape[1] <= NUMBERED else ""
    most = "" if len(legend) == len(used) else f" The {len(legend)} most frequent experts here are named."
    shares = np.bincount(expert_MS[expert_MS >= 0], minlength=layer.experts) / max(1, (expert_MS >= 0).sum())
    return Picture(
        f"patches_{trace.layers.index(layer)}",
        f"Patches by expert: {shortened(layer.name, 40)}",
        f"{images} test images of {classes} classes; each of their {expert_MS.shape[1]} patches has the colour of its "
        f"expert. The most frequent here is expert {int(shares.argmax())}, with {100 * shares.max():.0f} % of the "
        "patches.",
        f"The first test images of each class. A patch has the colour of the expert of its first choice{numbers}; one "
        f"without an expert is pale.{most} The same colour in another layer is another expert.",
        draw(FULL, height, paint),
        tuple(_rows(shown, expert_MS)),
        FULL,
    )


def first_choice(layer: LayerTrace) -> np.ndarray:
    """The expert of the largest weight of each row, [T]; -1 for none. Slots are in order of weight."""
    return layer.experts_TK[:, 0]


def tinted(shown: Shown, place: int, expert_S: np.ndarray, palette: Sequence[str]) -> np.ndarray:
    """An image (H, W, 3) of bytes, its pixels repeated, each patch mixed with the colour of its expert."""
    from matplotlib.colors import to_rgb

    image = shown.image[place]
    grey_HW = image.astype(np.float64).mean(0) / 255
    tint = np.array([to_rgb(palette[e]) if e >= 0 else to_rgb(NO_EXPERT) for e in expert_S.tolist()])
    grid = tint.reshape(grey_HW.shape[0] // shown.side, -1, 3)
    tint_HW3 = grid.repeat(shown.side, axis=0).repeat(shown.side, axis=1)
    mixed = TINT * tint_HW3 + (1 - TINT) * grey_HW[..., None]
    repeat = max(1, PIXELS // max(grey_HW.shape))
    return (255 * mixed).round().astype(np.uint8).repeat(repeat, axis=0).repeat(repeat, axis=1)


def _number(
    axes: "Axes", shown: Shown, expert_S: np.ndarray, mixed_HW3: np.ndarray, corner: tuple[float, float]
) -> None:
    """The expert's number on each patch, in a text colour that is readable on its mean colour."""
    wide = shown.image.shape[3]
    across, step = wide // shown.side, (1 - GAP) * shown.side / wide
    pixels = mixed_HW3.shape[1] // across
    for place, expert in enumerate(expert_S.tolist()):
        if expert < 0:
            continue
        down, right = divmod(place, across)
        patch = mixed_HW3[down * pixels : (down + 1) * pixels, right * pixels : (right + 1) * pixels]
        red, green, blue = (patch.mean((0, 1)) / 255).tolist()
        x, y = corner[0] + (right + 0.5) * step, corner[1] + (down + 0.5) * step
        words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6.5}
        axes.text(x, y, str(expert), color=ink_on((red, green, blue)), **words)


def _legend(axes: "Axes", experts: Sequence[int], palette: Sequence[str], top: float) -> None:
    from matplotlib.patches import Rectangle

    for place, expert in enumerate(experts):
        x, y = place % 12 * COLUMNS / 12, top + 0.25 * (place // 12)
        axes.add_patch(Rectangle((x, y + 0.03), 0.14, 0.14, facecolor=palette[expert], edgecolor="none"))
        axes.text(x + 0.2, y + 0.1, f"expert {expert}", color=MUTED, va="center", fontsize=7.5)


def _rows(shown: Shown, expert_MS: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "document": int(shown.document_M[image]),
            "class": str(shown.class_names[int(shown.label_M[image])]),
            "patch": patch,
            "expert": int(expert_MS[image, patch]),
        }
        for image, patch in np.ndindex(*expert_MS.shape)
    ]
