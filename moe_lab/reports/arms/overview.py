"""The numbers of arms for a terminal: a few single runs side by side, else one row per arm."""

import textwrap

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.measured import BITS, COLLAPSED, ERROR, LOSS, SHARE, USAGE, Measured
from moe_lab.reports.arms.tables import COLUMNS, MIXED, STAR, cell, main_metrics
from moe_lab.reports.kit.numbers import NONE

#: column -> heading, and the rows
Listing = tuple[dict[str, str], list[dict[str, str]]]

#: short names of metrics, for narrow terminals
SHORT = {
    ERROR: "error (%)",
    LOSS: "loss (nats)",
    SHARE: "I(E;Y)/H(load) (%)",
    BITS: "I(E;Y) (bits)",
    USAGE: "H(load) (bits)",
}
#: blanks between two columns, and the least width of an arm's name
GAP, SHORTEST = 3, 18


def overview(measured: Measured, width: int) -> list[Listing]:
    """Tables no wider than ``width`` if possible."""
    if measured.collection.single and len(measured.shown) <= COLUMNS:
        return [_names(measured), *_side_by_side(measured, width)]
    return [_arm_a_row(measured, width)]


def legend(measured: Measured) -> dict[str, str]:
    """The marks of cells, with what they mean."""
    family = len(measured.comparisons)
    over = f" after Holm over {family} comparisons" if family > 1 else ""
    return {
        STAR: f"{STAR} differs from {measured.baseline.key} beyond chance, at 5 %{over}.",
        MIXED: f"{MIXED} Some runs collapsed, or the seeds form two groups: the interval is not reliable.",
    }


def _names(measured: Measured) -> Listing:
    """The run of each arm."""
    rows = [{"arm": arm.key, "run": ", ".join(one.name for one in arm.members)} for arm in measured.ranked]
    return {"arm": "arm", "run": "run"}, rows


def _side_by_side(measured: Measured, width: int) -> list[Listing]:
    """Metrics as rows, arms as columns, in blocks that fit."""
    rows = [
        {
            "metric": measured.quantities[name].axis,
            **{arm.key: str(cell(measured, arm, name)) for arm in measured.shown},
        }
        for name in main_metrics(measured)
    ]
    if not rows:
        return []
    taken = {column: max(len(row[column]) for row in rows) + GAP for column in rows[0]}
    blocks: list[list[str]] = [[]]
    for arm in [arm for arm in measured.ranked if arm.n]:
        if blocks[-1] and taken["metric"] + sum(taken[key] for key in [*blocks[-1], arm.key]) > width:
            blocks.append([])
        blocks[-1].append(arm.key)
    return [({"metric": "", **{key: key for key in block}}, rows) for block in blocks]


def _arm_a_row(measured: Measured, width: int) -> Listing:
    """Arms as rows, with as many columns as fit: primary metrics, collapse if there is any, usage, I(E;Y)/H(load)."""
    names = [name for name in dict.fromkeys([*measured.primary, USAGE, SHARE]) if name in measured.quantities]
    rows = [_row(measured, arm, names) for arm in measured.ranked]
    lettered = any(arm.key != arm.name for arm in measured.arms)
    columns = {**({"arm": ""} if lettered else {}), "what": "arm", "seeds": "seeds"}
    collapsed = {COLLAPSED: COLLAPSED} if any(one.count for one in measured.collapse.values()) else {}
    first = {name: SHORT[name] for name in names if name in measured.primary}
    wanted = first | collapsed | {name: SHORT[name] for name in names}
    taken = GAP + sum(_width(rows, *item) for item in columns.items() if item[0] != "what")
    for name, heading in wanted.items():
        wide = _width(rows, name, heading)
        if taken + wide + SHORTEST <= width or name == names[0]:
            columns[name] = heading
            taken += wide
    for row in rows:
        row["what"] = "\n".join(textwrap.wrap(row["what"], max(SHORTEST, width - taken), break_on_hyphens=False))
    return columns, rows


def _row(measured: Measured, arm: Arm, names: list[str]) -> dict[str, str]:
    fallen = measured.collapse.get(arm.key)
    row = {"arm": arm.key, "what": arm.name, "seeds": f"{arm.n} of {sum(arm.states.values())}"}
    row[COLLAPSED] = str(fallen.count) if fallen else NONE
    return row | {name: str(cell(measured, arm, name)) if arm.n else NONE for name in names}


def _width(rows: list[dict[str, str]], column: str, heading: str) -> int:
    return max(len(heading), *(len(row[column]) for row in rows)) + GAP
