"""The table on the first screen of a report of many runs: the arms, the best first, with the primary metrics."""

from collections.abc import Sequence

from moe_lab.reports.arms.collect import FINISHED, Arm
from moe_lab.reports.arms.dots import first_arms
from moe_lab.reports.arms.measured import SHARE, Measured
from moe_lab.reports.arms.tables import Cell, cell
from moe_lab.reports.kit.numbers import NONE


def lead_header(measured: Measured) -> list[str]:
    """The columns of ``lead_rows``; for single runs their name instead of their number."""
    heads = [measured.quantities[name].axis for name in _columns(measured)]
    first = ["arm", "choices"] if _lettered(measured) else ["arm"]
    return [*first, *heads, "run" if _single(measured) else "seeds", "note"]


def lead_rows(measured: Measured, arms: Sequence[Arm]) -> list[list[Cell]]:
    """One row per arm: its name, the primary metrics, I(E;Y)/H(load), and the states of its runs."""
    return [
        [Cell(arm.key), *([Cell(arm.name)] if _lettered(measured) else [])]
        + [cell(measured, arm, name) if arm.n else Cell(NONE) for name in _columns(measured)]
        + [Cell(", ".join(one.name for one in arm.members) if _single(measured) else str(arm.n))]
        + [Cell("; ".join(_notes(measured, arm)))]
        for arm in arms
    ]


def first_rows(measured: Measured) -> list[list[Cell]]:
    """The rows of the first screen."""
    return lead_rows(measured, first_arms(measured))


def _columns(measured: Measured) -> list[str]:
    return [name for name in (*measured.primary, SHARE) if name in measured.quantities]


def _notes(measured: Measured, arm: Arm) -> list[str]:
    compared = measured.comparisons and arm is measured.baseline
    others = [f"{count} {state}" for state, count in arm.states.items() if state != FINISHED]
    return [*(["reference"] if compared else []), *others]


def _single(measured: Measured) -> bool:
    return measured.collection.single


def _lettered(measured: Measured) -> bool:
    return any(arm.key != arm.name for arm in measured.arms)
