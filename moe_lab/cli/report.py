"""`moe-lab report`: the report of a run, of a sweep, or of any set of runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moe_lab.cli.completion import complete_run
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RUNS, Format, FormatOption, RunsFolder, named

if TYPE_CHECKING:
    from moe_lab.store.run import Run

EXAMPLES = """
Examples:

    moe-lab report runs/attentive-1

    moe-lab report runs/softmax-1 runs/attentive-1 --out compared

    moe-lab report runs/gates-by-seeds --against gate=softmax
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
        typer.Option("--out", metavar="DIR", help="Where the report of many runs goes.", parser=named),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="ARM", help="The arm that others are compared with, as gate=softmax or B."),
    ] = None,
    runs: RunsFolder = RUNS,
    form: FormatOption = Format.table,
) -> None:
    """Write the report of one run, or of many by arms: runs that were told the same but for their seeds.

    The report of one run or one sweep goes into its folder, that of other runs into a fresh folder of --runs.
    """
    from moe_lab.cli.arms import say_left_out, show_arms
    from moe_lab.errors import RunError
    from moe_lab.reports import ArmsReport, write_run_report, write_trace_report
    from moe_lab.store.folders import claim_report

    opened = _runs(paths)
    if len(paths) == len(opened) == 1 and opened[0].path == paths[0]:
        if out is not None or against is not None:
            raise RunError("the report of one run goes into its own folder and compares nothing: give several runs")
        page = (write_trace_report if opened[0].kind == "trace" else write_run_report)(opened[0])
    else:
        of_arms = ArmsReport(opened, against)
        sweep = paths[0] if len(paths) == 1 and _is_sweep(paths[0]) and out is None else None
        page = of_arms.write(lambda: sweep or claim_report(out, runs))
        show_arms(of_arms, form)
        say_left_out(of_arms)
    echo(page, err=form is not Format.table)


def _runs(paths: Sequence[Path]) -> "list[Run]":
    """The runs at these paths, each once. Raises RunError where a path holds none."""
    from moe_lab.errors import RunError
    from moe_lab.store.run import find_runs

    found: dict[Path, Run] = {}
    for path in paths:
        here = find_runs(path)
        if not here:
            raise RunError(f"{path} is no run folder and holds none; `moe-lab runs` lists what there is")
        found |= {run.path.resolve(): run for run in here}
    return list(found.values())


def _is_sweep(path: Path) -> bool:
    return (path / "plan.json").is_file() or (path / "jobs").is_dir()
