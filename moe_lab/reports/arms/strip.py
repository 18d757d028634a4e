"""A strip plot as SVG, written by hand, with one row per arm: a point per seed, the mean and its interval.

A report has one for each of a hundred metrics, so each must be small and quick: it needs a tenth of the bytes of
matplotlib's, and a hundredth of the time. Lengths are in CSS pixels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from moe_lab.reports.kit.style import AXIS, INK, MUTED, RULE, faint

WIDTH, ROW, TOP, BOTTOM, RIGHT = 440, 26, 8, 44, 14
LETTER, NARROW = 7.5, 6.4
#: marker -> its outline around (0, 0); the same letters as matplotlib's
OUTLINES = {
    "o": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "s": "M-4-4h8v8h-8z",
    "D": "M0-5.5L5.5 0L0 5.5L-5.5 0z",
    "^": "M0-5.5L5 4H-5z",
    "v": "M0 5.5L5-4H-5z",
    "P": "M-1.8-5h3.6v3.2h3.2v3.6h-3.2v3.2h-3.6v-3.2h-3.2v-3.6h3.2z",
    "X": "M-4.6-2.4L-2.4-4.6L0-2.2L2.4-4.6L4.6-2.4L2.2 0L4.6 2.4L2.4 4.6L0 2.2L-2.4 4.6L-4.6 2.4L-2.2 0z",
    "*": "M0-6L1.5-2H5.7L2.4.7L3.5 4.9L0 2.5L-3.5 4.9L-2.4.7L-5.7-2H-1.5z",
    "<": "M-5.5 0L4-5V5z",
    ">": "M5.5 0L-4-5V5z",
    "h": "M0-5.2L4.5-2.6V2.6L0 5.2L-4.5 2.6V-2.6z",
    "p": "M0-5.2L5-1.6L3.1 4.2H-3.1L-5-1.6z",
}


@dataclass(frozen=True)
class Strip:
    """A row: ``low`` and ``high`` are None without an interval."""

    label: str
    values: Sequence[float]
    mean: float
    low: float | None
    high: float | None
    colour: str
    marker: str


def strip_plot(rows: Sequence[Strip], limits: tuple[float, float], axis: str, dotted: float | None) -> bytes:
    """The SVG. ``dotted`` is the place of the reference arm's line."""
    longest = max(len(row.label) for row in rows)
    left = 16 + (LETTER if longest < 8 else NARROW) * longest
    low, high = limits
    height = TOP + ROW * len(rows)

    def x(value: float) -> str:
        inside = min(max(value, low), high)
        return _short(left + (WIDTH - RIGHT - left) * (inside - low) / (high - low))

    marks = [f'<path d="{OUTLINES[marker]}" id="m{place}"/>' for place, marker in enumerate(OUTLINES)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height + BOTTOM}" '
        f'viewBox="0 0 {WIDTH} {height + BOTTOM}" font-family="system-ui,DejaVu Sans,sans-serif" font-size="11.5">',
        f"<defs>{''.join(marks)}</defs>",
    ]
    for tick, text in ticks(low, high):
        parts.append(f'<path d="M{x(tick)} {TOP}V{height}" stroke="{RULE}"/>')
        parts.append(f'<text x="{x(tick)}" y="{height + 17}" text-anchor="middle" fill="{MUTED}">{text}</text>')
    parts.append(f'<path d="M{left:g} {height}H{WIDTH - RIGHT}" stroke="{AXIS}"/>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{height + 36}" text-anchor="end" fill="{MUTED}">{escape(axis)}</text>')
    if dotted is not None:
        parts.append(f'<path d="M{x(dotted)} {TOP}V{height}" stroke="{INK}" stroke-dasharray="1 2"/>')
    for place, row in enumerate(rows):
        parts += _row(row, TOP + ROW * (place + 0.42), x)
    return "".join([*parts, "</svg>\n"]).encode()


def _row(row: Strip, y: float, x: Callable[[float], str]) -> list[str]:
    parts = [f'<text x="4" y="{_short(y + 4)}" fill="{INK}">{escape(row.label)}</text>']
    if row.low is not None and row.high is not None:
        parts.append(f'<path d="M{x(row.low)} {_short(y)}H{x(row.high)}" stroke="{row.colour}" stroke-width="2.6"/>')
    if len(row.values) > 1:
        # points are strokes of length zero with round caps, below the bar, in two lines
        dots = "".join(f"M{x(value)} {_short(y + (10.5 if at % 2 else 7.5))}h0" for at, value in enumerate(row.values))
        style = f'stroke="{faint(row.colour)}" stroke-width="4.2" stroke-linecap="round"'
        parts.append(f'<path d="{dots}" {style}/>')
    place = list(OUTLINES).index(row.marker)
    at = f'x="{x(row.mean)}" y="{_short(y)}"'
    return [*parts, f'<use href="#m{place}" {at} fill="{row.colour}" stroke="#fff"/>']


def ticks(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Round numbers between the ends, at most ``most``, in steps of 1, 2 or 5 times a power of ten, and their text."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, f"{n * step:,.{digits}f}".replace("-", "\N{MINUS SIGN}")) for n in range(first, last + 1)]


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
