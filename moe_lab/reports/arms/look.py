"""The look of arms in all figures: a colour and a marker each, and one panel per arm."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.picture import FULL, HALF
from moe_lab.reports.kit.style import MUTED, colours, label_ends
from moe_lab.reports.run.target import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vPX*<>hp"
#: most arms in figures with a row or a panel per arm; tables and CSVs have all
ROWS, PANELS = 60, 24
PER_ROW = 4


#: most letters of a name in a figure
LETTERS = 24


def label(arm: Arm) -> str:
    """The label of an arm in a figure."""
    return printable(shortened(arm.key, LETTERS))


def name_ends(axes: "Axes", look: "Look", heights: Mapping[Arm, float]) -> None:
    """Labels of the arms beside the axes, each with its marker, near the height of its value."""
    ends = [(height, label(arm), look.colour[arm.key]) for arm, height in heights.items()]
    markers = {label(arm): look.marker[arm.key] for arm in heights}
    label_ends(axes, ends, min(0.085, 1 / max(1, len(ends))), markers)


class Look:
    """The colour and the marker of each arm, by its key; the same in all figures."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self.colour = {arm.key: colour for arm, colour in zip(arms, colours(len(arms)), strict=True)}
        self.marker = {arm.key: MARKERS[place % len(MARKERS)] for place, arm in enumerate(arms)}


def seeds_text(counts: Sequence[int]) -> str:
    """``n = 5 seeds per arm``, or the range of n."""
    low, high = min(counts), max(counts)
    return f"n = {low} seed{'s' if low != 1 else ''} per arm" if low == high else f"n = {low} to {high} seeds per arm"


def cut(arms: int, most: int) -> str:
    """The end of a caption if not all arms are shown."""
    return f" The first {most} of {arms} arms; the CSV has all." if arms > most else ""


def panels(figure: "Figure", axes: "Axes", count: int, paint: "Callable[[Axes, int], None]") -> None:
    """Replace ``axes`` by ``count`` panels in rows of PER_ROW, and paint each by its number."""
    axes.remove()
    grid = figure.subplots(lines(count), min(PER_ROW, count), squeeze=False)
    for place, panel in enumerate(grid.flat):
        if place < count:
            paint(panel, place)
        else:
            panel.set_axis_off()


def lines(count: int) -> int:
    """The number of rows of panels."""
    return -(-count // PER_ROW)


def width(count: int) -> float:
    """The width of a figure of panels; one or two panels are not enlarged."""
    return FULL if count > 2 else HALF


def head(panel: "Axes", arm: Arm) -> None:
    """The title of an arm's panel."""
    title = arm.name if arm.key == arm.name else f"{arm.key}  {arm.name}"
    panel.set_title(printable(shortened(title, 32)), fontsize=7.5, color=MUTED, loc="left", pad=4)
