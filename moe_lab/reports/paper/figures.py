"""Figures for a paper, at a column's width: each metric of the table by arms, error against specialization, curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.curves import learning_curves
from moe_lab.reports.arms.dots import limits, stem
from moe_lab.reports.arms.look import ROWS, Look
from moe_lab.reports.arms.measured import Quantity
from moe_lab.reports.arms.scatter import information, trade_off
from moe_lab.reports.arms.words import called
from moe_lab.reports.kit.picture import COLUMN, Form, Paint, draw_live
from moe_lab.reports.kit.style import INK, RULE
from moe_lab.reports.paper.chosen import Chosen
from moe_lab.statistics import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: heights in inches: of a row of a forest plot, of the space above and below its rows, of other figures
ROW, AROUND, HEIGHT = 0.26, 0.55, 2.5


@dataclass(frozen=True)
class Drawn:
    """A figure of a paper: the stem of its file's name, and its bytes."""

    stem: str
    content: bytes


def figures(chosen: Chosen, form: Form) -> list[Drawn]:
    """The table's arms in each of its metrics, then the report's figures at a glance, and the learning curves."""
    look = Look(chosen.arms)
    drawn = [_forest(chosen, quantity, look, form) for quantity in chosen.quantities]
    pictures = [trade_off(chosen.measured, look), information(chosen.measured, look)]
    for picture in [*pictures, *learning_curves(chosen.arms, look)]:
        if picture is not None and picture.paint is not None:
            drawn.append(Drawn(picture.stem, draw_live(COLUMN, HEIGHT, picture.paint, form)))
    return drawn


def _forest(chosen: Chosen, quantity: Quantity, look: Look, form: Form) -> Drawn:
    height, paint = forest_of(chosen, quantity, look)
    return Drawn(stem(quantity.name), draw_live(COLUMN, height, paint, form))


def forest_of(chosen: Chosen, quantity: Quantity, look: Look) -> tuple[float, Paint]:
    """The height in inches of a metric's figure, and its drawing function: one row per arm.

    Arms are named as in the other figures; a letter has the arm's name beside it.
    """
    summaries = chosen.measured.summaries[quantity.name]
    arms = [arm for arm in chosen.arms if arm.key in summaries][:ROWS]
    return AROUND + ROW * len(arms), forest(quantity, [(called(arm), arm, summaries[arm.key]) for arm in arms], look)


def forest(quantity: Quantity, rows: Sequence[tuple[str, Arm, Summary]], look: Look) -> Paint:
    """Draw rows of (name, arm, summary): the mean as the arm's marker on its interval, and a point per seed below."""
    scale = quantity.scale
    values = [[scale * value for value in arm.values(quantity.name).values()] for _, arm, _ in rows]
    ends = [scale * end for _, _, found in rows if found.ends for end in found.ends]

    def paint(figure: "Figure", axes: "Axes") -> None:
        for place, ((_, arm, found), points) in enumerate(zip(rows, values, strict=True)):
            colour = look.colour[arm.key]
            if found.ends:
                axes.plot([scale * end for end in found.ends], [place, place], color=colour, linewidth=2.0)
            if len(points) > 1:
                axes.plot(points, [place + 0.27] * len(points), "o", color=colour, markersize=2.4, alpha=0.6, mew=0)
            axes.plot(
                scale * found.mean, place, look.marker[arm.key], color=colour, markersize=5.5, mec="white", mew=0.6
            )
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.set_xlim(*limits([point for one in values for point in one], ends))
        axes.set_xlabel(quantity.axis, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color=RULE)

    return paint
