"""The short table at the end of a run."""

from pathlib import Path
from typing import Any

from moe_lab.cli.tables import show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import Format
from moe_lab.experiment.results import HEADLINE
from moe_lab.metrics import METRICS, RunArrays
from moe_lab.metrics.networks import LABEL
from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.metrics.trace_arrays import TraceArrays
from moe_lab.routing.trace_files import read_trace
from moe_lab.store.run import Run
from moe_lab.tasks import Task


def print_summary(run: Run, page: Path | None) -> None:
    task, sizes = _sizes(run)
    rows = [
        {
            "metric": name,
            "value": run.metrics[name]["value"],
            "at most": METRICS[name].bounds(**sizes)[1],
            "unit": run.metrics[name]["unit"],
        }
        for name in HEADLINE[task]
        if name in run.metrics and run.metrics[name].get("reason") != ONE_EXPERT
    ]
    if run.kind == "network":
        echo(f"of the last mixture layer, {run.trace_header['layers'][-1]['name']}, where a metric is of routing:")
    show(rows, ["metric", "value", "at most", "unit"], Format.table, empty="")
    echo(f"run     {run.path}")
    if page is not None:
        echo(f"report  {page}")


def _sizes(run: Run) -> tuple[Task, dict[str, Any]]:
    """The task, and what the bounds of metrics depend on."""
    if run.kind == "network":
        trace = read_trace(run)
        arrays = TraceArrays(trace, trace.layers[-1].name, LABEL)
        return arrays.task, arrays.sizes
    of_mixture = RunArrays.from_run(run)
    return of_mixture.task, of_mixture.sizes
