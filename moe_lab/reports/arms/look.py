"""How arms look in every figure: a colour and a marker each, and panels, one an arm."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.picture import FULL, HALF
from moe_lab.reports.kit.style import MUTED, colours
from moe_lab.reports.run.target import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vPX*<>hp"
#: figures with a row or a panel an arm show so many arms; tables and CSVs have all
ROWS, PANELS = 60, 24
PER_ROW = 4


class Look:
    """The colour and the marker of each arm, by its key; the same in all figures."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self.colour = {arm.key: colour for arm, colour in zip(arms, colours(len(arms)), strict=True)}
        self.marker = {arm.key: MARKERS[place % len(MARKERS)] for place, arm in enumerate(arms)}


def seeds_told(counts: Sequence[int]) -> str:
    """``n = 5 seeds an arm``, or the range of n."""
    low, high = min(counts), max(counts)
    return f"n = {low} seed{'s' if low != 1 else ''} an arm" if low == high else f"n = {low} to {high} seeds an arm"


def cut(arms: int, most: int) -> str:
    """What a caption says where not all arms fit."""
    return f" The first {most} of {arms} arms; the CSV has all." if arms > most else ""


def panels(figure: "Figure", axes: "Axes", count: int, paint: "Callable[[Axes, int], None]") -> None:
    """Replace ``axes`` by ``count`` panels in rows of PER_ROW and paint each by its number."""
    axes.remove()
    grid = figure.subplots(lines(count), min(PER_ROW, count), squeeze=False)
    for place, panel in enumerate(grid.flat):
        if place < count:
            paint(panel, place)
        else:
            panel.set_axis_off()


def lines(count: int) -> int:
    """Rows of panels."""
    return -(-count // PER_ROW)


def width(count: int) -> float:
    """Of a figure of panels: one or two are not blown up."""
    return FULL if count > 2 else HALF


def head(panel: "Axes", arm: Arm) -> None:
    """The title of an arm's panel."""
    panel.set_title(printable(f"{arm.key}  {shortened(arm.name, 28)}"), fontsize=7.5, color=MUTED, loc="left", pad=4)
