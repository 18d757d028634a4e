"""The short table at the end of a run."""

from pathlib import Path

from moe_lab.cli.tables import show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import Format
from moe_lab.experiment.writer import HEADLINE
from moe_lab.metrics import METRICS, RunArrays
from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.store.run import Run


def print_summary(run: Run, page: Path | None) -> None:
    arrays = RunArrays.from_run(run)
    rows = [
        {
            "metric": name,
            "value": run.metrics[name]["value"],
            "at most": METRICS[name].bounds(**arrays.sizes)[1],
            "unit": run.metrics[name]["unit"],
        }
        for name in HEADLINE[arrays.task]
        if name in run.metrics and run.metrics[name].get("reason") != ONE_EXPERT
    ]
    show(rows, ["metric", "value", "at most", "unit"], Format.table, empty="")
    echo(f"run     {run.path}")
    if page is not None:
        echo(f"report  {page}")
