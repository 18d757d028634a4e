"""Rows of a listing of runs: what status.json says, without reading anything else of their folders."""

from collections.abc import Callable, Sequence
from typing import Any

from moe_lab.errors import RunError
from moe_lab.store.run import Run

Row = dict[str, Any]

#: columns of every listing, behind the run, its status and its choices; other headline metrics follow
METRICS = ("kind", "test_error_rate", "test_rmse_sd", "mutual_information_expert_label_bits", "usage_entropy_bits")
#: the status of a run whose status.json cannot be read
UNREADABLE = "unreadable"


def run_row(run: Run, name: str, tell: Callable[[str], None]) -> Row:
    """Name, status, kind, headline metrics, ``choices`` that differ from the defaults, and the ``options`` of all
    groups. ``tell`` gets the reason if status.json cannot be read."""
    try:
        status = run.status
    except RunError as error:
        tell(str(error))
        return {"run": name, "status": UNREADABLE, "choices": {}, "options": {}}
    return {
        "run": name,
        "status": status["status"],
        "kind": run.kind,
        "choices": status.get("differs") or {},
        "options": status.get("choices") or {},
        **(status.get("headline") or {}),
    }


def columns(rows: Sequence[Row], choices: Sequence[str]) -> list[str]:
    """The columns in their order: run, status, choices, metrics."""
    metrics = [name for name in (*METRICS, *(name for row in rows for name in row)) if name != "choices"]
    return list(dict.fromkeys(["run", "status", *choices, *metrics]))
