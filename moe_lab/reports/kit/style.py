"""The style of all figures: colours that colour-blind readers can distinguish, light axes, units on every axis."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.typing import RcKeyType

Colour = str | tuple[float, float, float]

INK, MUTED, RULE, ACCENT, WARM = "#1b1f24", "#5c6773", "#dfe3e8", "#0072b2", "#d55e00"
AXIS = "#8b949e"
#: eight colours with a contrast of 3:1 with white, as WCAG 2.2 requires of graphics, that can be distinguished (at
#: least 10 CIELAB apart in Machado's simulations, 2009) under the three common colour-vision deficiencies
HUES = ("#0072b2", "#c97b00", "#117733", "#332288", "#ee3377", "#75350a", "#3f97d8", "#5b5b5b")
#: the least contrast of a mark with the white background, and the part of matplotlib's colour maps that has it
CONTRAST = 3.0
DARK_PLASMA, DARK_BLUES = 0.63, 0.6

RC: "dict[RcKeyType, Any]" = {
    "svg.hashsalt": "moe-lab",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": AXIS,
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
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}

#: differences in a paper: text that can be selected and edited, black on white, a little smaller
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
    """A colour for each of ``count`` experts or runs: fixed ones up to eight, else evenly spaced colours of plasma."""
    if count <= len(HUES):
        return list(HUES[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ramp = colormaps["plasma"]
    return [to_hex(ramp(DARK_PLASMA * index / (count - 1))) for index in range(count)]


def ranks(count: int) -> list[str]:
    """A shade for each rank, the first the darkest."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["Blues"](1 - (1 - DARK_BLUES) * rank / max(1, count - 1))) for rank in range(count)]


def faint(colour: str) -> str:
    """The palest mix of ``colour`` with white whose contrast with white is still 3:1, for background marks."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (1 - one for one in to_rgb(colour))
    shares = (part / 100 for part in range(101))
    mixes = ((1 - share * red, 1 - share * green, 1 - share * blue) for share in shares)
    return to_hex(next((mix for mix in mixes if contrast(mix) >= CONTRAST), to_rgb(colour)))


def contrast(colour: Colour) -> float:
    """The contrast of a colour with white (WCAG 2.2): 1.05 / (L + 0.05)."""
    return 1.05 / (luminance(colour) + 0.05)


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2): 0 for black, 1 for white."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ink_on(colour: Colour) -> str:
    """Dark or white text, whichever has the higher contrast with ``colour``, by relative luminance (WCAG 2.2)."""
    return "white" if luminance(colour) < 0.25 else INK


def name_axes(axes: "Axes", x: str, y: str) -> None:
    """Label the axes: the y label is horizontal, above the axis; only horizontal grid lines."""
    axes.set_title(y)
    axes.set_xlabel(x, loc="right")
    axes.grid(axis="y")


def epoch_ticks(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def log_ticks(axis: "Axis") -> None:
    """Plain numbers such as 0.1 at a logarithmic axis, instead of powers as formulas.

    Below two decades there are ticks at 1, 2 and 5 of each.
    """
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high < 100 * low else LogLocator(numticks=6))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def label_ends(
    axes: "Axes", ends: Sequence[tuple[float, str, str]], gap: float = 0.085, markers: Mapping[str, str] | None = None
) -> None:
    """Write (y, text, colour) right of the axes at the height of y, pushed apart by ``gap`` of the axes' height.

    ``markers`` has the marker of each text, drawn before it.
    """
    low, high = axes.get_ylim()
    wanted = sorted(((y - low) / (high - low), text, colour) for y, text, colour in ends if math.isfinite(y))
    heights = spread([height for height, *_ in wanted], gap)
    size = min(8.5, 150 * gap)
    for height, (_, text, colour) in zip(heights, wanted, strict=True):
        if markers:
            mark: dict[str, Any] = {"color": colour, "markersize": 0.6 * size, "clip_on": False}
            axes.plot(1.04, height, markers[text], transform=axes.transAxes, **mark)
        words: dict[str, Any] = {"color": colour, "va": "center", "fontsize": size, "transform": axes.transAxes}
        axes.text(1.07 if markers else 1.02, height, text, **words)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Sorted heights, moved as little as possible so that neighbours are ``gap`` apart within [0, 1] if they fit."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    ceiling = max(1.0, gap * (len(placed) - 1))
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed
