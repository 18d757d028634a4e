"""The table of arms as plain values, with the notes on how to read it; markup.py writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.measured import Quantity
from moe_lab.reports.arms.words import lowered, shown
from moe_lab.reports.kit.choices import ABSENT
from moe_lab.reports.kit.numbers import NBSP, NONE, digits
from moe_lab.reports.paper.best import blocks
from moe_lab.reports.paper.chosen import Chosen
from moe_lab.reports.paper.external import External, Printed

SINGLE = "Each arm is one run, so there is no interval and no best: with another seed a difference may be reversed."
ALIKE = "\N{DAGGER}"
PUBLISHED = (
    "Published numbers are from the cited sources, as printed (mean \N{PLUS-MINUS SIGN} sd). They are not from the "
    "same seeds, so they are neither tested nor marked."
)
#: between the n of the metrics of a published row, if they differ
SEVERAL = "/"
SEVERAL_SAID = "Several n are those of the row's metrics, from left to right."


@dataclass(frozen=True)
class Value:
    """A cell of a metric: the mean, the text in brackets, and whether it is marked."""

    text: str
    beside: str = ""
    best: bool = False
    alike: bool = False


@dataclass(frozen=True)
class Line:
    """A row: the arm's choices, n, and one value per metric.

    Published numbers have a ``source``, and a name in place of the choices.
    """

    names: tuple[str, ...]
    n: str
    values: tuple[Value, ...]
    source: str = ""


@dataclass(frozen=True)
class ArmTable:
    """The table. ``choices`` are the keys in which arms differ, ``quantities`` the metrics.

    ``groups`` are rows that belong together, ``external`` rows of published numbers. ``notes`` explain how to read it.
    """

    choices: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    groups: tuple[tuple[Line, ...], ...]
    external: tuple[Line, ...]
    notes: tuple[str, ...]


def arm_table(chosen: Chosen, external: Sequence[External] = ()) -> ArmTable:
    """Build the table. Raises RunError if a published number has no column."""
    return ArmTable(
        tuple(chosen.varying) or ("arm",),
        chosen.quantities,
        tuple(tuple(_line(chosen, arm) for arm in block) for block in blocks(chosen.arms)),
        tuple(_external(chosen, one) for one in external),
        tuple(_notes(chosen, external)),
    )


def _line(chosen: Chosen, arm: Arm) -> Line:
    choices = tuple(choice_word(chosen.levels(key).get(arm, ABSENT)) for key in chosen.varying) or (arm.name,)
    return Line(choices, str(arm.n), tuple(_value(chosen, arm, name) for name in chosen.names))


def choice_word(level: str) -> str:
    """``[importance,z_loss]`` without its brackets."""
    if level in ("[]", ABSENT):
        return "none" if level == "[]" else NONE
    whole = level.startswith("[") and level.endswith("]") and "[" not in level[1:]
    return level[1:-1].replace(",", ", ") if whole else level


def _value(chosen: Chosen, arm: Arm, name: str) -> Value:
    measured, place = chosen.measured, (arm.key, name)
    summary, quantity = measured.summaries[name].get(arm.key), measured.quantities[name]
    if summary is None:
        return Value(NONE)
    beside = [", ".join(shown(quantity, end) for end in summary.ends)] if summary.ends else []
    beside += [one for one in [measured.undefined(arm, name)] if one]
    best, alike = place in chosen.best.best, place in chosen.best.alike
    return Value(shown(quantity, summary.mean), "; ".join(beside), best, alike)


def _external(chosen: Chosen, row: External) -> Line:
    for name in row.values:
        if name not in chosen.names:
            raise RunError(f"--external: {row.name} has {name}, which is not a column: add it with --columns")
    cells = tuple(_printed(quantity, row.values.get(quantity.name)) for quantity in chosen.quantities)
    return Line((row.name,), SEVERAL.join(_ns(chosen, row)), cells, row.source)


def _ns(chosen: Chosen, row: External) -> list[str]:
    """The n of a published row: one if all its metrics have the same, else that of each, from left to right."""
    ns = [row.values[name].n for name in chosen.names if name in row.values]
    return [NONE if n is None else str(n) for n in (ns[:1] if len(set(ns)) == 1 else ns)]


def _printed(quantity: Quantity, number: Printed | None) -> Value:
    if number is None:
        return Value(NONE)
    spread = "" if number.sd is None else f" \N{PLUS-MINUS SIGN} {digits(number.sd, quantity.unit)}"
    return Value(shown(quantity, number.mean) + spread)


def _notes(chosen: Chosen, external: Sequence[External]) -> list[str]:
    found = chosen.best
    notes = [_means(chosen.methods) if chosen.methods else SINGLE]
    if found.comparisons:
        labels = [lowered(chosen.measured.quantities[name].label) for name in found.tested]
        notes.append(
            f"Bold: the best mean. {ALIKE}: not shown to differ from the best (exact paired sign-flip test over shared "
            f"seeds, 5{NBSP}% after Holm over {found.family}: every two arms in "
            f"{listing(labels)}{found.where})."
        )
    if found.too_few:
        notes.append(f"Too few seeds: with fewer than {found.needed}, no difference in this table can be shown.")
    if len(blocks(chosen.arms)) > 1:
        notes.append("Each data set has its own best; numbers are not compared between data sets.")
    if any(one.warning for one in chosen.summaries):
        notes.append(
            "Some means are over two kinds of run (collapsed and not, or two groups of seeds); their intervals are "
            "not reliable."
        )
    if external:
        notes.append(PUBLISHED)
    if any(len(_ns(chosen, one)) > 1 for one in external):
        notes.append(SEVERAL_SAID)
    return notes


def _means(methods: Sequence[str]) -> str:
    return (
        f"Means over n runs that differ in their seed, with the 95{NBSP}% interval of the mean ({', '.join(methods)}), "
        "for training again on the same test set."
    )


def listing(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
