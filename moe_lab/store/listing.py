"""Rows of a listing of runs, from status.json alone."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moe_lab.errors import RunError
from moe_lab.store.run import Run

if TYPE_CHECKING:
    from moe_lab.store.facts import Status

Row = dict[str, Any]

#: metrics in every listing, after the run, its status and its choices; other headline metrics follow
METRICS = ("kind", "test_error_rate", "test_rmse_sd", "mutual_information_expert_label_bits", "usage_entropy_bits")
#: columns before the choices
WHEN = ("started_at", "seconds", "dataset", "seed")
#: shown for a run without this choice
SEED = 0
#: the status of a run whose status.json cannot be read
UNREADABLE = "unreadable"


def run_row(run: Run, name: str, tell: Callable[[str], None]) -> Row:
    """The listing's row of a run: name, status, kind, start, seconds so far, data set, seed, headline metrics, the
    ``choices`` that differ from the defaults, and the ``options`` of all groups. ``tell`` is called with the reason if
    status.json cannot be read."""
    try:
        status = run.status
    except RunError as error:
        tell(str(error))
        return {"run": name, "status": UNREADABLE, "choices": {}, "options": {}}
    differs, options = status.get("differs") or {}, status.get("choices") or {}
    return {
        "run": name,
        "status": status["status"],
        "kind": run.kind,
        "started_at": status.get("started_at"),
        "seconds": _seconds(status),
        "dataset": options.get("dataset"),
        "seed": differs.get("seed", SEED) if options else None,
        "choices": differs,
        "options": options,
        **(status.get("headline") or {}),
    }


def _seconds(status: "Status") -> float | None:
    started, last = status.get("started_at"), status.get("ended_at") or status.get("updated_at")
    if started is None or last is None:
        return None
    return (datetime.fromisoformat(last) - datetime.fromisoformat(started)).total_seconds()


def columns(rows: Sequence[Row], choices: Sequence[str]) -> list[str]:
    """The columns of the rows in order: run, status, start, data set, seed, choices, metrics."""
    metrics = [name for name in (*METRICS, *(name for row in rows for name in row)) if name != "choices"]
    return list(dict.fromkeys(["run", "status", *WHEN, *choices, *metrics]))
