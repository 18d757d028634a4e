"""`moe-lab runs`: what there is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from moe_lab.cli.words import RUNS, Format, FormatOption

EXAMPLES = """
Examples:

    moe-lab runs

    moe-lab runs elsewhere -f json
"""

#: what the terminal shows, if it is wide enough; the other forms have every headline metric
LABELS = {
    "run": "run",
    "status": "status",
    "test_error_rate": "error",
    "test_rmse_sd": "RMSE (sd)",
    "mutual_information_expert_label_bits": "I(E;Y)",
    "usage_entropy_bits": "H(E)",
    "choices": "choices",
}
WIDE = 100


def runs(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A folder of runs.")] = RUNS,
    form: FormatOption = Format.table,
) -> None:
    """List runs: status, choices that differ from the defaults, headline metrics."""
    from moe_lab.cli.tables import show
    from moe_lab.errors import RunError
    from moe_lab.store.run import find_runs

    if path != RUNS and not path.is_dir():
        raise RunError(f"{path} is no folder of runs")
    rows = [_row(run, path) for run in find_runs(path)]
    columns = list(dict.fromkeys(["run", "status", "choices", *LABELS, *(name for row in rows for name in row)]))
    show(rows, columns, form, empty=f"no runs in {path}: start one with `moe-lab train`", labels=_labels(rows))


def _labels(rows: list[dict[str, Any]]) -> dict[str, str]:
    """In a narrow terminal the status only where it tells runs apart, and one metric less: choices need the room. The
    error of classes or of numbers only where a run has it, that of classes where none has either."""
    from rich.console import Console

    left_out = set() if any("test_rmse_sd" in row for row in rows) else {"test_rmse_sd"}
    if not left_out and not any("test_error_rate" in row for row in rows):
        left_out = {"test_error_rate"}
    if Console().width < WIDE:
        same = all(row["status"] == "finished" for row in rows)
        left_out |= {"usage_entropy_bits", *(["status"] if same else [])}
    return {name: label for name, label in LABELS.items() if name not in left_out}


def _row(run, path: Path) -> dict[str, Any]:
    from moe_lab.errors import RunError

    name = str(run.path.relative_to(path))
    try:
        status = run.status
    except RunError:
        return {"run": name, "status": "unreadable", "choices": {}}
    return {
        "run": name,
        "status": status["status"],
        "choices": status.get("differs") or {},
        **(status.get("headline") or {}),
    }
