"""Choices in a listing of runs: each run's value of every choice in which the runs differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from moe_lab.errors import RunError
from moe_lab.reports.arms.naming import cell, choice
from moe_lab.reports.kit.choices import ABSENT
from moe_lab.store.listing import UNREADABLE, Row
from moe_lab.store.run import Run


def complete(rows: Sequence[Row], found: Mapping[str, Run]) -> None:
    """Give every row its value of each choice that is not the default in some row."""
    keys = list(dict.fromkeys(key for row in rows for key in row["choices"]))
    for row in rows:
        status = {"differs": row["choices"], "choices": row["options"]}
        known = row["status"] == UNREADABLE or all(key in row["choices"] or key in row["options"] for key in keys)
        config = {} if known else _config(found[row["run"]])
        values = {key: choice(key, status, config) for key in keys}
        row["choices"] = {key: value for key, value in values.items() if value != ABSENT}


def spread_choices(rows: Sequence[Row]) -> list[str]:
    """Give each choice its own column, instead of one column for all; returns their names."""
    keys = list(dict.fromkeys(key for row in rows for key in row["choices"]))
    for row in rows:
        made = row.pop("choices")
        row |= {key: cell(made[key]) if key in made else ABSENT for key in keys if key not in row}
    return keys


def _config(run: Run) -> dict[str, Any]:
    """Its config; empty if it cannot be read, since the run is listed anyway."""
    try:
        return run.config
    except RunError:
        return {}
