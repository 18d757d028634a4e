"""Decision regions for samples that are points in the plane. Axes: G grid lines, E experts, N test points."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.arrays import ClassArrays
from moe_lab.reports.kit.picture import FULL, Picture, draw
from moe_lab.reports.kit.style import INK, WARM, colours, ink_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Regions = Mapping[str, np.ndarray]

#: most test points, and most experts with their own predictions, that are drawn
POINTS, OWN = 600, 8
MARKERS = "os^vDPX*"


def region_picture(regions: Regions, arrays: ClassArrays, class_names: Sequence[str]) -> Picture:
    """The experts' regions of the plane, and the mixture's predictions."""
    shown = np.arange(arrays.samples)[:: -(-arrays.samples // POINTS)]
    points_M2, label_M = regions["points"][shown], arrays.label_N[shown]
    wrong_M = arrays.prediction_N[shown] != label_M
    many = len(class_names) > len(MARKERS)

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        gate, answer = figure.subplots(1, 2, sharex=True, sharey=True)
        _paint(gate, regions, regions["expert"], arrays.experts)
        _name(gate, regions, regions["expert"], arrays.experts)
        gate.set_title("the expert of the largest weight")
        _paint(answer, regions, regions["prediction"], len(class_names))
        answer.set_title("the class that the mixture predicts; orange: wrong")
        for panel in (gate, answer):
            for c in range(len(class_names)):
                for wrong in (False, True):
                    one = (label_M == c) & (wrong_M == wrong)
                    colour, size = WARM if wrong and panel is answer else INK, 11 if wrong else 7
                    marker = "o" if many else MARKERS[c]
                    panel.scatter(*points_M2[one].T, s=size, color=colour, marker=marker, linewidths=0)

    used = np.unique(regions["expert"][regions["expert"] >= 0])
    return Picture(
        "regions",
        "Regions of the plane by expert and by prediction",
        f"Two maps of the plane: by the expert of the largest weight ({len(used)} of {arrays.experts} have a region), "
        f"and by the predicted class ({len(class_names)}), with {len(shown)} test points.",
        f"Left, the regions of the experts; right, those of the predicted classes. {len(shown)} of the "
        f"{arrays.samples:,} test points{'' if many else ', a shape a class'}; the axes are the two inputs.",
        draw(FULL, 4.6, paint),
        _rows(regions, ("expert", "prediction")),
        FULL,
    )


def own_answers_picture(regions: Regions, class_names: Sequence[str]) -> Picture:
    """Every expert's own predictions over the whole plane, also outside its region."""
    own_EGG = regions["expert_prediction"][:OWN]
    columns = min(4, len(own_EGG))
    lines = -(-len(own_EGG) // columns)

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flatten()
        for expert, panel in enumerate(panels):
            if expert >= len(own_EGG):
                panel.remove()
                continue
            _paint(panel, regions, own_EGG[expert], len(class_names))
            inside = regions["expert"] == expert
            if inside.any() and not inside.all():
                panel.contour(regions["x"], regions["y"], inside, levels=[0.5], colors=INK, linewidths=1.2)
            panel.set_title(f"expert {expert}" + ("" if inside.any() else " (no region)"))

    left = len(regions["expert_prediction"]) - len(own_EGG)
    more = f" The first {len(own_EGG)} experts; {left} more are left out." if left else ""
    return Picture(
        "expert_regions",
        "Each expert's own predictions",
        f"{len(own_EGG)} maps of the plane, one per expert, coloured by the class that it predicts.",
        "Colours are classes, as in the map of predictions above; the line is the border of the expert's region. "
        f"Outside it the gate prefers other experts.{more}",
        draw(FULL, 0.3 + 2.4 * lines, paint),
        _rows(regions, ("expert_prediction",)),
        FULL,
    )


def _paint(panel: "Axes", regions: Regions, value_GG: np.ndarray, count: int) -> None:
    from matplotlib.colors import ListedColormap, to_rgb

    pale = [tuple(0.45 * c + 0.55 for c in to_rgb(colour)) for colour in colours(max(count, 1))]
    extent = (regions["x"][0], regions["x"][-1], regions["y"][0], regions["y"][-1])
    shown = np.ma.masked_less(value_GG, 0)
    panel.imshow(
        shown, origin="lower", extent=extent, cmap=ListedColormap(pale), vmin=-0.5, vmax=count - 0.5,
        interpolation="nearest", aspect="equal",
    )  # fmt: skip
    panel.tick_params(labelsize=7.5)


def _name(panel: "Axes", regions: Regions, expert_GG: np.ndarray, experts: int) -> None:
    """The number of every expert inside its region, at the point farthest from the border within a window."""
    for expert in range(experts):
        inside_GG = expert_GG == expert
        if inside_GG.mean() < 0.01:
            continue
        row, column = _deepest(inside_GG)
        colour = colours(experts)[expert]
        panel.text(
            regions["x"][column], regions["y"][row], str(expert), ha="center", va="center", fontsize=9,
            color=ink_on(colour), bbox={"boxstyle": "circle,pad=0.25", "facecolor": colour, "edgecolor": "white"},
        )  # fmt: skip


def _deepest(inside_GG: np.ndarray) -> tuple[int, int]:
    """A point of the set that remains last if its border is removed repeatedly."""
    left = inside_GG
    while True:
        padded = np.pad(left, 1)
        inner = left & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
        if not inner.any():
            row, column = np.argwhere(left)[len(np.argwhere(left)) // 2]
            return int(row), int(column)
        left = inner


def _rows(regions: Regions, names: Sequence[str]) -> tuple[dict[str, object], ...]:
    """Every fifth grid line for the drawing; regions.npz has all."""
    step = 5
    x, y = regions["x"][::step], regions["y"][::step]
    flat = {"x": np.tile(x, len(y)), "y": np.repeat(y, len(x))}
    for name in names:
        value = regions[name][..., ::step, ::step]
        maps = {name: value} if value.ndim == 2 else {f"{name}_{e}": one for e, one in enumerate(value)}
        flat |= {key: one.flatten() for key, one in maps.items()}
    columns = [one.tolist() for one in flat.values()]
    return tuple(dict(zip(flat, row, strict=True)) for row in zip(*columns, strict=True))
