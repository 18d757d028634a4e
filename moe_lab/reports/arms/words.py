"""Values, intervals and differences as text for a report's sentences."""

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.measured import Quantity
from moe_lab.reports.kit.numbers import MINUS, NBSP, digits
from moe_lab.statistics import Comparison, Summary


def shown(quantity: Quantity, value: float) -> str:
    """The digits of a value, as printed in the report."""
    return changed(quantity, value) if quantity.difference else digits(value, quantity.unit)


def changed(quantity: Quantity, value: float) -> str:
    """The digits of a difference, with its sign."""
    text = digits(abs(value), quantity.unit)
    sign = "" if float(text.replace(",", "")) == 0 else MINUS if value < 0 else "+"
    return sign + text


def with_unit(quantity: Quantity, text: str) -> str:
    return f"{text}{NBSP}{quantity.shown_unit}" if quantity.shown_unit else text


def called(arm: Arm) -> str:
    """Its name, with its letter if it has one."""
    return arm.name if arm.key == arm.name else f"{arm.key} ({arm.name})"


def lowered(label: str) -> str:
    """``Test error`` inside a sentence; ``I(E;Y)`` as it is."""
    return label[0].lower() + label[1:] if label[1:2].islower() else label


def ends(quantity: Quantity, found: Summary) -> str:
    if found.ends is None:
        return f" (n = {found.n})"
    low, high = found.ends
    return f" ({shown(quantity, low)} to {shown(quantity, high)}, n = {found.n})"


def ends_in_words(quantity: Quantity, found: Summary) -> str:
    return f"{'a 95 % interval ' if found.ends is None else ''}{changed_ends(quantity, found)}"


def changed_ends(quantity: Quantity, found: Summary) -> str:
    """The ends of a difference's interval; if there is none, what it needs."""
    if found.ends is None:
        return found.method
    low, high = found.ends
    return f"{changed(quantity, low)} to {changed(quantity, high)}"


def apart(quantity: Quantity, comparison: Comparison, found: Summary) -> str:
    """The difference ``found`` of a comparison, and how certain it is."""
    unit = "points" if quantity.unit == "fraction" else quantity.shown_unit
    by = f" {changed(quantity, found.mean)}{NBSP}{unit}".rstrip()
    seeds = f"over {found.n} shared seed{'s' if found.n != 1 else ''}"
    if found.ends is None:
        each = ", ".join(changed(quantity, value) for value in comparison.values)
        return f"{by} ({seeds}: {each}; {ends_in_words(quantity, found)}), {surely(comparison)}"
    return f"{by} ({ends_in_words(quantity, found)} {seeds}), {surely(comparison)}"


def surely(comparison: Comparison) -> str:
    """How certain a difference is, corrected over the whole family."""
    if comparison.too_few:
        return (
            f"but there are too few seeds to be sure: {_comparisons(comparison.family)} "
            f"need{'s' if comparison.family == 1 else ''} at least {comparison.needed}"
        )
    p = f"{p_text(comparison.adjusted_p)}{_after(comparison.family)}"
    return f"which is a difference beyond chance ({p})" if comparison.sure else f"which may be chance ({p})"


def p_text(p: float | None) -> str:
    """``p = 0.021``, ``p < 0.001``."""
    return "p undefined" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _comparisons(family: int) -> str:
    return "1 comparison" if family == 1 else f"{family} comparisons"


def _after(family: int) -> str:
    return "" if family == 1 else f" after Holm over {family} comparisons"
