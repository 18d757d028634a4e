"""Numbers as text for readers: percent for fractions, few digits, the unit after the value."""

import math

from moe_lab.metrics import elements

NBSP, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"
UNDEFINED, NONE = "undefined", "\N{EN DASH}"
#: of more values than this, only the least and the greatest are printed
MOST = 12
#: numbers from here on have three digits and a power of ten
LARGE = 1e15
#: unit of metrics.json -> its printed form
UNITS = {"fraction": "%", "count": "", "ratio": "", "y": "in the unit of y"}


def quantity(value: float | None, unit: str) -> str:
    """``0.0311, "fraction"`` -> ``3.1 %``; ``1.923, "bits"`` -> ``1.92 bits``; None -> ``undefined``."""
    name = UNITS.get(unit, unit)
    return digits(value, unit) + (f"{NBSP}{name}" if name and value is not None else "")


def digits(value: float | list[float | None] | dict[str, float | None] | None, unit: str) -> str:
    """The digits of ``quantity`` without the unit.

    A list (one value per expert) keeps its order, numbers by name follow their names, and None is a dash. Of many
    values only the least and the greatest are given.
    """
    if value is None:
        return UNDEFINED
    if isinstance(value, list | dict):
        return _several(value, unit)
    if unit == "points":
        return change(value)
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= LARGE:
        return signed(f"{value:.3g}")
    if unit == "fraction":
        return signed(f"{100 * value:.1f}")
    if float(value).is_integer() and (unit == "count" or value == 0):
        return signed(f"{value:,.0f}")
    return signed(f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}")


def _several(value: list[float | None] | dict[str, float | None], unit: str) -> str:
    if len(value) > MOST:
        known = [item for item in elements(value) if item is not None]
        return f"{len(value)} values, {digits(min(known), unit)} to {digits(max(known), unit)}" if known else UNDEFINED
    texts = [NONE if item is None else digits(item, unit) for item in elements(value)]
    if isinstance(value, dict):
        texts = [f"{name}:{NBSP}{text}" for name, text in zip(value, texts, strict=True)]
    return ", ".join(texts)


def change(value: float | list[float | None] | dict[str, float | None]) -> str:
    """A difference of two rates in percentage points, with its sign; several values as in ``digits``."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {NONE if item is None else change(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(NONE if item is None else change(item) for item in value)
    text = f"{100 * value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", MINUS)


def share(part: float, whole: float) -> str:
    """Whole percent; 0 % only for exactly zero."""
    percent = 100 * part / whole
    return "<1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def short(value: float, unit: str) -> str:
    """A bound in as few digits as possible."""
    shown = 100 * value if unit == "fraction" else value
    return signed(f"{shown:.3g}" if abs(shown) < 100 else f"{shown:,.0f}")


def signed(text: str) -> str:
    """A true minus sign, and no negative zero."""
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)
