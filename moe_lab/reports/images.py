"""The most typical test images of each expert, a row an expert, as one picture."""

from collections.abc import Mapping, Sequence

import numpy as np

from moe_lab.reports.picture import Picture, draw
from moe_lab.reports.routing_pictures import shortened
from moe_lab.reports.style import INK, MUTED, WARM

MOST_ROWS = 24
TILE, GAP = 48, 6
#: width of the row labels and of a tile in inches; height of a tile with its caption in widths of a tile
MARGIN, TILE_INCHES, SMALL_TILE_INCHES, TALL = 1.35, 1.0, 0.8, 1.42


def is_image(image: np.ndarray) -> bool:
    """Whether (M, *shape) holds pictures that can be shown: (channels, height, width), one channel or three."""
    return image.ndim == 4 and image.shape[1] in (1, 3)


def typical_images(
    examples: Mapping[str, np.ndarray], load_E: np.ndarray, class_names: Sequence[str]
) -> Picture:
    """``examples`` as in examples.npz. Of more than 24 experts, the most used are shown."""
    most_used = sorted(np.argsort(-load_E, kind="stable")[:MOST_ROWS].tolist())
    rows_of = {e: np.flatnonzero(examples["expert"] == e) for e in most_used}
    shown = [e for e in most_used if len(rows_of[e])]
    columns = max(len(rows_of[e]) for e in shown)
    canvas = _mosaic(examples["image"], [rows_of[e] for e in shown], columns)
    share_E = load_E / max(1, load_E.sum())
    width = MARGIN + columns * (TILE_INCHES if len(shown) <= 10 else SMALL_TILE_INCHES)

    def paint(figure, axes):
        axes.set_position((MARGIN / width, 0, 1 - MARGIN / width, 1))
        axes.imshow(canvas, interpolation="none", extent=(0, columns, len(shown), 0), aspect="auto")
        axes.set_axis_off()
        left = -MARGIN * columns / (width - MARGIN)
        for line, expert in enumerate(shown):
            text = f"expert {expert}\n{100 * share_E[expert]:.0f} % of samples"
            axes.text(left, line + 0.31, text, ha="left", va="center", fontsize=8.5, color=INK, linespacing=1.5)
            for place, index in enumerate(rows_of[expert]):
                _caption_tile(axes, place, line, examples, index, class_names)

    caption_rows = tuple(
        {
            "expert": e,
            "place": place,
            "sample_index": int(examples["sample_index"][index]),
            "label": class_names[int(examples["label"][index])],
            "prediction": class_names[int(examples["prediction"][index])],
            "weight": round(float(examples["weight"][index]), 6),
        }
        for e in shown
        for place, index in enumerate(rows_of[e])
    )
    svg = draw(width, len(shown) * TALL * (width - MARGIN) / columns, paint)
    left_out = len(load_E) - len(most_used)
    return Picture(
        "typical_images",
        "The most typical images of each expert",
        f"{sum(map(len, rows_of.values()))} test images, a row for each of {len(shown)} experts.",
        "The test images to which each expert gives its largest weights, with their class; "
        "where the mixture is wrong, its answer follows in orange."
        + (f" The {len(most_used)} most used of {len(load_E)} experts." if left_out else ""),
        svg,
        caption_rows,
        width,
    )


def _mosaic(image: np.ndarray, rows: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """One RGB picture, a white gap right of and below each tile, below it room for a caption."""
    factor = max(1, TILE // image.shape[-1])
    tiles = np.repeat(np.repeat(image, factor, axis=-2), factor, axis=-1)
    tiles = np.broadcast_to(tiles, (len(tiles), 3, *tiles.shape[2:])).transpose(0, 2, 3, 1)
    height, width = tiles.shape[1:3]
    cell_height, cell_width = round(TALL * (height + GAP)), width + GAP
    canvas = np.full((len(rows) * cell_height, columns * cell_width, 3), 255, dtype=np.uint8)
    for line, indices in enumerate(rows):
        for place, index in enumerate(indices):
            top, left = line * cell_height, place * cell_width
            canvas[top : top + height, left : left + width] = tiles[index]
    return canvas


def _caption_tile(axes, place: int, line: int, examples, index: int, class_names: Sequence[str]) -> None:
    label, prediction = int(examples["label"][index]), int(examples["prediction"][index])
    words = {"ha": "center", "va": "center", "fontsize": 7.5, "parse_math": False}
    axes.text(place + 0.44, line + 0.73, shortened(class_names[label], 12), color=MUTED, **words)
    if prediction != label:
        answer = f"\N{RIGHTWARDS ARROW} {shortened(class_names[prediction], 10)}"
        axes.text(place + 0.44, line + 0.86, answer, color=WARM, **words)
