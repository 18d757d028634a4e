"""`moe-lab report`: the report of a run, of a sweep, or of any set of runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moe_lab.cli.completion import complete_metrics, complete_rows, complete_run
from moe_lab.cli.paper import PANEL, FigureForm, ReportFormat, Wanted
from moe_lab.cli.tables import Format
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RunsFolder, named
from moe_lab.store.folders import RUNS

if TYPE_CHECKING:
    from moe_lab.store.run import Run

EXAMPLES = """
Examples:

    moe-lab report runs/attentive-1

    moe-lab report runs/softmax-1 runs/attentive-1 --out compared

    moe-lab report runs/gates-by-seeds --against gate=softmax

    moe-lab report runs/gates-by-seeds --format latex --figures pdf

    moe-lab report runs/gates-by-seeds --format md --columns test_error_rate,load_entropy_bits --external theirs.csv

    moe-lab report runs/step-1000 runs/step-2000 --out steps
"""


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Run folders, or folders that hold runs.", autocompletion=complete_run, parser=named
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the report of many runs.", parser=named),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="ARM", help="The arm that others are compared with, as gate=softmax."),
    ] = None,
    runs: RunsFolder = RUNS,
    form: Annotated[
        ReportFormat,
        typer.Option(
            "--format", "-f", help="How arms are printed; latex, md: a table for a paper; csv, json: one row per run."
        ),
    ] = ReportFormat.table,
    figures: Annotated[
        FigureForm | None,
        typer.Option("--figures", help="Write figures at the width of a column.", rich_help_panel=PANEL),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="METRIC,...",
            help="The metrics of the table.",
            rich_help_panel=PANEL,
            autocompletion=complete_metrics,
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="ARM,...",
            help="Its arms, as gate=softmax,B.",
            rich_help_panel=PANEL,
            autocompletion=complete_rows,
        ),
    ] = None,
    external: Annotated[
        Path | None,
        typer.Option(
            "--external",
            metavar="FILE.csv",
            help="A CSV of published numbers to add below: name,metric,mean,sd,n,source.",
            rich_help_panel=PANEL,
            parser=named,
        ),
    ] = None,
) -> None:
    """Write the report of one run, or of many runs by arms. An arm is the runs with equal settings apart from seeds.

    The report of one run or one sweep is written into its folder, that of other runs into a new folder in --runs.
    Traces have a report of their own, whose first sentences are printed; several are compared with the first. For a
    paper, the folder paper beside the report gets the table, the methods, the references and the figures.
    """
    from moe_lab.cli.arms import say_all
    from moe_lab.errors import RunError
    from moe_lab.reports import trace_sentences, write_report
    from moe_lab.store.run import runs_at

    wanted = Wanted(form, figures, columns, rows, external)
    wanted.check()
    opened = runs_at(paths)
    kinds = {_kind(run) for run in opened}
    if len(paths) == len(opened) == 1 and opened[0].path == paths[0]:
        if out is not None or against is not None:
            raise RunError("--out and --against are for several runs, and one was given: give more runs")
        if wanted.any:
            raise RunError("a table or figures of arms need several runs: give a sweep, or more runs")
        page = write_report(opened[0])
        if kinds == {"trace"} and form is ReportFormat.table:
            say_all(trace_sentences(opened))
    elif kinds == {"trace"}:
        if wanted.any:
            raise RunError("a table or figures of arms are made from mixtures, and these are traces")
        page = _of_traces(opened, out, against, runs)
        if form is ReportFormat.table:
            say_all(trace_sentences(opened))
    else:
        _refuse_mixed(opened, paths)
        page = _of_arms(opened, paths, out, against, runs, wanted)
    echo(page, err=form is not ReportFormat.table)


def _of_traces(opened: "list[Run]", out: Path | None, against: str | None, runs: Path) -> Path:
    from moe_lab.errors import RunError
    from moe_lab.reports import write_traces_report
    from moe_lab.store.folders import claim_report

    if against is not None:
        raise RunError("--against names an arm of mixtures; traces are compared with the first of them")
    return write_traces_report(opened, lambda: claim_report(out, runs))


def _of_arms(
    opened: "list[Run]", paths: Sequence[Path], out: Path | None, against: str | None, runs: Path, wanted: Wanted
) -> Path:
    from moe_lab.cli.arms import say_left_out, show_arms
    from moe_lab.reports import ArmsReport
    from moe_lab.store.folders import claim_report

    of_arms = ArmsReport(opened, against)
    paper = wanted.of(of_arms) if wanted.any else None
    sweep = paths[0] if len(paths) == 1 and _is_sweep(paths[0]) and out is None else None
    page = of_arms.write(lambda: sweep or claim_report(out, runs))
    if paper is not None:
        echo(paper.write(page.parent), err=wanted.form is not ReportFormat.table)
    if paper is not None and paper.table:
        echo(paper.table, nl=False)
    else:
        show_arms(of_arms, Format(wanted.form))
    say_left_out(of_arms)
    return page


def _refuse_mixed(opened: "list[Run]", paths: Sequence[Path]) -> None:
    """Raises RunError if a named trace would be in one report with other runs. A trace that was found in a folder is
    left out.
    """
    from moe_lab.errors import RunError

    named = {run.path: _kind(run) for run in opened if run.path in paths}
    trace = next((path for path, kind in named.items() if kind == "trace"), None)
    other = next((run for run in opened if _kind(run) != "trace"), None)
    if trace and other:
        raise RunError(
            f"{trace} is a trace and {other.path} a {_kind(other)}, which have no report together: report the traces "
            "by themselves, and the others by themselves"
        )


def _kind(run: "Run") -> str:
    """The kind of a run. A run whose status cannot be read counts as a mixture; the report of mixtures names it."""
    from moe_lab.errors import RunError

    try:
        return run.kind
    except RunError:
        return "mixture"


def _is_sweep(path: Path) -> bool:
    return (path / "plan.json").is_file() or (path / "jobs").is_dir()
