"""`moe-lab sweep`: many runs from one command."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moe_lab.cli.tables import Format, FormatOption, show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Plugins, RunsFolder, Words, load_plugins, named, own_options
from moe_lab.errors import ConfigError
from moe_lab.store.folders import RUNS

if TYPE_CHECKING:
    from moe_lab.sweeps.folder import Outcome, SweepFolder
    from moe_lab.sweeps.plan import Plan
    from moe_lab.sweeps.sweep import Sweep

EXAMPLES = """
Examples:

    moe-lab sweep gate=softmax,attentive 'regularizer=[],[importance],[sample_similarity]' 'seed=range(0,10)'

    moe-lab sweep gate=top_k k=1,2,3 'seed=range(0,5)' --dry-run

    moe-lab sweep gate=softmax 'regularizer=[importance]' regularizers.importance.weight=0.1,0.3,1 launcher=stacked

    moe-lab sweep gate=switch 'seed=range(0,10)' --name gates

    moe-lab sweep --resume runs/gates
"""


def sweep(
    words: Words = None,
    runs: RunsFolder = RUNS,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the sweep's folder; an existing sweep is extended."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="SWEEP",
            help="Train the unfinished jobs; takes overrides of the launcher.",
            parser=named,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Train every job again, in a new folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the jobs and stop; write nothing.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Treat an override set aside or a refused combination as an error.")
    ] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first job that fails.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the sweep's folder only.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave the report out.")] = False,
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train every combination of overrides with several values, side by side, and compare the runs."""
    from moe_lab.cli.sweep_progress import planning
    from moe_lab.cli.train import say_odd
    from moe_lab.sweeps.sweep import OWN_PLAN, new_sweep, resumed_sweep

    if resume is not None and name is not None:
        raise ConfigError(OWN_PLAN)
    typed, plugins, follow = words or [], load_plugins(plugin), planning(quiet)
    if resume is not None:
        made = resumed_sweep(resume, typed, runs, again=again, config_dir=config_dir, plugins=plugins, follow=follow)
    else:
        made = new_sweep(
            typed, runs, name, again=again, strict=strict, config_dir=config_dir, plugins=plugins, follow=follow
        )
    say_what_is_left_out(made.plan, quiet)
    if not quiet:
        _say_too_few_seeds(made.plan)
    if dry_run:
        _list(made.plan, made.there, form)
        return
    say_odd([] if quiet else made.odd)
    folder = made.claim()
    go_on = f"resume with `moe-lab sweep --resume {shlex.quote(str(folder))}{own_options(config_dir, plugin)}`"
    outcomes, said = _run(made, folder, quiet, fail_fast, go_on)
    if said:
        echo(said, err=quiet or form is not Format.table)
    _finish(folder, outcomes, quiet, no_report, form, go_on)


def _run(made: "Sweep", folder: Path, quiet: bool, fail_fast: bool, go_on: str) -> "tuple[list[Outcome], str]":
    """Train the jobs. Exits with 130 or 143 after Ctrl-C or SIGTERM. ``go_on``: how to resume."""
    from moe_lab.cli.signals import stop_asked
    from moe_lab.cli.sweep_progress import sweep_watch
    from moe_lab.sweeps.folder import SweepFolder

    with stop_asked() as stop:
        try:
            outcomes, said = made.run(folder, watch=sweep_watch(quiet), stop_asked=stop, fail_fast=fail_fast)
        except KeyboardInterrupt:
            there = SweepFolder(folder)
            _say_stopped([there.outcome(one) for one in made.plan.jobs], go_on)
            raise typer.Exit(130) from None
    if stop():
        _say_stopped(outcomes, go_on)
        raise typer.Exit(stop.exit_code)
    return outcomes, said


def _say_stopped(outcomes: "list[Outcome]", go_on: str) -> None:
    left = sum(not one.ended for one in outcomes)
    echo(f"moe-lab: stopped, {left} of {len(outcomes)} jobs are left; {go_on}", err=True)


def say_what_is_left_out(made: "Plan", quiet: bool) -> None:
    """Print on stderr which combinations were refused, which overrides were set aside, and how many combinations are
    equal.
    """
    from collections import Counter

    if quiet:
        return
    reasons: dict[str, list[str]] = {}
    for one in made.refused:
        reasons.setdefault(one.reason, []).append(" ".join(one.words))
    for reason, refused in reasons.items():
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        echo(f"refused: {refused[0]}{more}: {reason}", err=True)
    for word, count in Counter(word for one in made.jobs for word in one.aside).items():
        echo(f"set aside: {word} has no place in {count} of {len(made.jobs)} jobs", err=True)
    if made.duplicates:
        echo(f"{made.duplicates} combinations mean the same as others, which are trained once", err=True)


def _say_too_few_seeds(made: "Plan") -> None:
    from moe_lab.sweeps.enough import too_few_seeds

    if sentence := too_few_seeds(made):
        echo(sentence, err=True)


def _list(made: "Plan", there: "SweepFolder | None", form: Format) -> None:
    rows = [
        {
            "job": one.name,
            "status": there.outcome(one).state if there is not None else "planned",
            "words": " ".join(one.words),
            "set aside": " ".join(one.aside),
        }
        for one in made.jobs
    ]
    shown = ["job", "status"] if there is not None else ["job"]
    show(rows, ["job", "status", "words", "set aside"], form, empty="", labels={name: name for name in shown})
    if form is Format.table:
        echo(f"{len(rows)} jobs; nothing has been written")


def _finish(folder: Path, outcomes: "list[Outcome]", quiet: bool, no_report: bool, form: Format, go_on: str) -> None:
    """Write the report, print the arms and the jobs that did not finish. Exits with 1 if there are any. ``go_on``: how
    to resume."""
    from moe_lab.cli.arms import say_left_out, show_arms
    from moe_lab.reports import ArmsReport
    from moe_lab.store.run import find_runs

    found = ArmsReport(find_runs(folder))
    page = None if no_report else _standing(folder) or found.write(lambda: folder)
    if quiet:
        echo(folder)
    else:
        show_arms(found, form)
        echo(f"sweep   {folder}", err=form is not Format.table)
        if page is not None:
            echo(f"report  {page}", err=form is not Format.table)
    say_left_out(found)
    bad = say_unfinished(outcomes)
    if bad:
        echo(f"moe-lab: {len(bad)} of {len(outcomes)} jobs have not finished; {go_on}", err=True)
        raise typer.Exit(1)


def _standing(folder: Path) -> Path | None:
    """The existing report, if no job has changed since it was written."""
    page = folder / "report.html"
    if not page.is_file():
        return None
    written = page.stat().st_mtime_ns
    return page if all(one.stat().st_mtime_ns <= written for one in folder.glob("jobs/*/status.json")) else None


def say_unfinished(outcomes: "list[Outcome]") -> "list[Outcome]":
    """The jobs that have not ended; each that was started is printed on stderr."""
    bad = [one for one in outcomes if not one.ended]
    for one in (one for one in bad if one.state != "planned"):
        echo(f"moe-lab: {one.name} is {one.state}: {' '.join(one.reason.split())}", err=True)
    return bad
