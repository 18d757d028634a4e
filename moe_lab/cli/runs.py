"""`moe-lab runs`: what there is."""

from pathlib import Path
from typing import Annotated

import typer

from moe_lab.cli.words import RUNS, Format, FormatOption

EXAMPLES = """
Examples:

    moe-lab runs

    moe-lab runs elsewhere -f json
"""

#: what the terminal shows, so that a row fits into 80 columns; the other forms have every headline metric
LABELS = {
    "run": "run",
    "status": "status",
    "choices": "choices",
    "test_error_rate": "error",
    "mutual_information_expert_label_bits": "I(E;Y) bits",
    "usage_entropy_bits": "H(E) bits",
    "dead_experts": "dead",
}


def runs(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A folder of runs.")] = RUNS,
    form: FormatOption = Format.table,
) -> None:
    """List runs: status, choices that differ from the defaults, headline metrics."""
    from moe_lab.cli.tables import show
    from moe_lab.store.run import find_runs

    rows = [
        {
            "run": str(run.path.relative_to(path)),
            "status": run.status["status"],
            "choices": run.status.get("differs") or {},
            **(run.status.get("headline") or {}),
        }
        for run in find_runs(path)
    ]
    columns = list(dict.fromkeys([*LABELS, *(name for row in rows for name in row)]))
    show(rows, columns, form, empty=f"no runs in {path}: start one with `moe-lab train`", labels=LABELS)
