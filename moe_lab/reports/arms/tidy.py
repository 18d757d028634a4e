"""Every value of every finished run as a row, for other programs."""

from collections.abc import Iterator
from typing import Any

from moe_lab.reports.arms.collect import FINISHED, Arm, Collection, Member

Row = dict[str, Any]
#: columns in this order, with the choices in which arms differ after the seeds
FIRST = ("arm", "run", "seed", "seed_init", "seed_order")
LAST = ("metric", "element", "value", "unit", "reason", "repeats")


def tidy_rows(collection: Collection) -> list[Row]:
    """One row per value: the arm's name, the run, its seeds, the settings that differ between arms, and the metric.

    ``element`` is the place in a list (one value per expert, class or epoch, from 0) or the name of one of several
    numbers. ``reason`` is why there is no value. ``repeats`` is the run whose seed it repeats; the report does not
    count repetitions.
    """
    return [
        {**_run(arm, one), "metric": name, **value, "repeats": one.repeats}
        for arm in collection.arms
        for one in arm.members
        if one.state == FINISHED
        for name, entry in one.metrics.items()
        for value in _values(entry)
    ]


def tidy_columns(collection: Collection) -> list[str]:
    return [*FIRST, *collection.varying, *LAST]


def _run(arm: Arm, one: Member) -> Row:
    init, order, seed = map(_number, one.seed)
    return {"arm": arm.name, "run": one.name, "seed": seed, "seed_init": init, "seed_order": order} | arm.levels


def _number(word: str) -> int | str:
    return int(word) if word.isascii() and word.isdigit() else word


def _values(entry: dict[str, Any]) -> Iterator[Row]:
    value, unit, reason = entry["value"], entry["unit"], entry.get("reason")
    if isinstance(value, dict | list):
        elements = value.items() if isinstance(value, dict) else enumerate(value)
        for element, one in elements:
            yield {"element": str(element), "value": one, "unit": unit, "reason": reason if one is None else None}
    else:
        yield {"element": None, "value": value, "unit": unit, "reason": reason}
