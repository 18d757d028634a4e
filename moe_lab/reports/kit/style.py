"""How every figure looks: colours that the colour-blind tell apart, quiet axes, units on every axis."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

INK, MUTED, RULE, ACCENT, WARM = "#1b1f24", "#5c6773", "#dfe3e8", "#0072b2", "#d55e00"
#: Okabe and Ito (2008), the eight hues that hold under the three common colour-vision deficiencies; grey for black
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#7f8790")

RC: "dict[RcKeyType, Any]" = {
    "svg.hashsalt": "moe-lab",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": "#aab2bb",
    "axes.linewidth": 0.8,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "axes.titlecolor": MUTED,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": "#aab2bb",
    "ytick.color": "#aab2bb",
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}

#: what differs in a paper: text that can be selected and edited, black on white, a little smaller
LIVE: "dict[RcKeyType, Any]" = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 8.0,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
}


def colours(count: int) -> list[str]:
    """A colour each for ``count`` experts or runs: Okabe-Ito up to eight, an even walk along viridis above."""
    if count <= len(OKABE_ITO):
        return list(OKABE_ITO[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ramp = colormaps["viridis"]
    return [to_hex(ramp(0.04 + 0.92 * index / (count - 1))) for index in range(count)]


def ink_on(colour: str | tuple[float, float, float]) -> str:
    """Dark or white text, whichever is read better on ``colour``: by relative luminance (WCAG 2.2)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if luminance < 0.25 else INK


def name_axes(axes: "Axes", x: str, y: str) -> None:
    """The y label lies flat above the axis, where it is read without turning the head; horizontal rules only."""
    axes.set_title(y)
    axes.set_xlabel(x, loc="right")
    axes.grid(axis="y")


def epoch_ticks(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def label_ends(axes: "Axes", ends: Sequence[tuple[float, str, str]], gap: float = 0.085) -> None:
    """Write (y, text, colour) right of the axes at the height of y, pushed apart by ``gap`` of the axes' height."""
    low, high = axes.get_ylim()
    wanted = sorted(((y - low) / (high - low), text, colour) for y, text, colour in ends if math.isfinite(y))
    heights = spread([height for height, _, _ in wanted], gap)
    for height, (_, text, colour) in zip(heights, wanted, strict=True):
        axes.text(1.02, height, text, color=colour, transform=axes.transAxes, va="center", fontsize=8.5)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Sorted heights moved as little as it takes for neighbours to stand ``gap`` apart within [0, 1] where they fit."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    ceiling = max(1.0, gap * (len(placed) - 1))
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed
