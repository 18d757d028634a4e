"""Output of a run besides its progress: what is trained, and at the end a short table and one sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moe_lab.cli.arms import say_all
from moe_lab.cli.run_table import how_long
from moe_lab.cli.tables import Format, show
from moe_lab.cli.terminal import echo
from moe_lab.experiment.results import headline_of
from moe_lab.experiment.train import Training
from moe_lab.experiment.twins import Twin
from moe_lab.metrics import RunArrays
from moe_lab.metrics.networks import label_of
from moe_lab.metrics.trace_arrays import TraceArrays
from moe_lab.reports.kit.choices import main_choices
from moe_lab.reports.kit.headline import numbers, verdict
from moe_lab.reports.network.report import answer
from moe_lab.reports.run.twins import LABELS, beside, beside_sentence
from moe_lab.routing.trace_files import read_trace
from moe_lab.store.listing import run_row
from moe_lab.store.run import Run
from moe_lab.tasks import Task

#: the choices that are printed before the first epoch
SAID = ("data set", "gate", "expert", "experts (E)", "selected experts (k)", "epochs", "seed", "device")


def what_is_trained(training: Training, twins: Sequence[Twin] = ()) -> str:
    """``training runs/a: data set digits, gate softmax, ...``, and the networks that are trained after it."""
    found = main_choices(training.job.config, {"choices": training.job.choices})
    said = ", ".join(f"{label} {found[label].partition(' (')[0]}" for label in SAID if label in found)
    line = f"{'resuming' if training.resumed else 'training'} {training.folder}: {said}"
    if not twins:
        return line
    beside = " and ".join(LABELS[one.name] for one in twins)
    return f"{line}\nthen, to see whether the mixture was worth it, {beside} (--no-compare leaves that out)"


def what_is_beside(training: Training, twin: Twin, first: bool) -> str:
    """``training runs/a/twins/single: one network like an expert``; for the first also how long the run took."""
    line = f"training {twin.folder}: {LABELS[twin.name]}"
    took = _seconds(Run(training.folder)) if first else None
    return line if took is None else f"{line}; the run itself is finished and took {took}, Ctrl-C leaves it as it is"


def print_summary(run: Run, page: Path | None) -> None:
    """Print a run's main metrics, with the names, units and percentages of the report."""
    task, sizes = _sizes(run)
    known = {one.name: one for one in numbers(run.metrics, **sizes)}
    found = [known[name] for name in headline_of(run.metrics, task) if name in known]
    rows = [{"metric": one.label, "value": one.text, "bounds": one.bounds} for one in found]
    if run.kind == "network":
        echo(f"of the last mixture layer, {run.trace_header['layers'][-1]['name']}, where a metric is of routing:")
    show(rows, ["metric", "value", "bounds"], Format.table, empty="")
    if run.kind == "network":
        trace = read_trace(run)
        sentences = answer(run.metrics, trace.layers[-1].name, label_of(trace)), beside_sentence(run)
        say_all([" ".join(filter(None, sentences))])
    else:
        about = "class" if task == "classification" else "target"
        say_all([verdict(run.metrics, **sizes, about=about, beside=beside(run))])
    if took := _took(run):
        echo(f"took    {took}")
    echo(f"run     {run.path}")
    if page is not None:
        echo(f"report  {page}")


def _took(run: Run) -> str:
    """``12 s, beside it single 4 s and dense_total 9 s``: how long the run and the networks trained after it
    took; empty if it is not known."""
    own = _seconds(run)
    beside = [f"{name} {took}" for name, twin in run.twins.items() if (took := _seconds(twin))]
    return own + (f", beside it {' and '.join(beside)}" if beside else "") if own else ""


def _seconds(run: Run) -> str | None:
    return how_long(run_row(run, "", echo).get("seconds"))


def _sizes(run: Run) -> tuple[Task, dict[str, Any]]:
    """The task and the sizes that the bounds of metrics depend on."""
    if run.kind == "network":
        trace = read_trace(run)
        arrays = TraceArrays(trace, trace.layers[-1].name, label_of(trace))
        return arrays.task, arrays.sizes
    of_mixture = RunArrays.from_run(run)
    return of_mixture.task, of_mixture.sizes
