"""`moe-lab study`: a published table as a sweep, and its numbers beside the published ones."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moe_lab.cli.completion import complete_study
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RUNS, ConfigDir, Format, FormatOption, Plugins, RunsFolder, Words, load_plugins

if TYPE_CHECKING:
    from moe_lab.store.run import Run
    from moe_lab.sweeps.folder import SweepFolder
    from moe_lab.sweeps.launcher import Launcher
    from moe_lab.sweeps.studies.study import Settings, Study, Trial
    from moe_lab.sweeps.studies.table import Line

EXAMPLES = """
Examples:

    moe-lab study krishnamurthy2023 dataset=mnist

    moe-lab study krishnamurthy2023 dataset=fashion_mnist protocol=fair

    moe-lab study krishnamurthy2023 dataset=mnist grid=full --dry-run

The same words go on where an earlier call was stopped.
"""


def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="One of those that `moe-lab list study` shows.", autocompletion=complete_study
        ),
    ],
    words: Words = None,
    runs: RunsFolder = RUNS,
    folder_name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of its folder; default: from the study's words.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and epochs, for a first look.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop; write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the study's folder only.")] = False,
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train the arms of a published table and print what was published beside what came out, with a verdict."""
    from moe_lab.cli.tables import show
    from moe_lab.store.folders import check_spelling
    from moe_lab.sweeps.folder import JOBS, SweepFolder
    from moe_lab.sweeps.settings import settings as sweep_settings
    from moe_lab.sweeps.settings import split
    from moe_lab.sweeps.studies.study import (
        Parts,
        open_study,
        published_settings,
        reported,
        taught,
        teachers,
        tuned_settings,
        tuning,
        with_teachers,
    )
    from moe_lab.sweeps.studies.table import COLUMNS, remarks, shown

    if folder_name is not None:
        check_spelling(folder_name)
    of_jobs, of_sweep = split(words or [])
    plugins = load_plugins(plugin)
    launcher = sweep_settings(of_sweep, config_dir, plugins).launcher
    asked = open_study(name, of_jobs, config_dir, quick=quick)
    folder = runs / (folder_name or asked.folder_name + ("-quick" if quick else ""))
    parts = Parts(config_dir, plugins)
    fair = asked.protocol == "fair"
    if dry_run:
        trials = tuning(asked, parts) if fair else reported(asked, published_settings(asked), parts)
        _list(trials, asked, SweepFolder(folder), form)
        return
    if fair:
        trials = tuning(asked, parts)
        _train(trials, asked, folder, launcher, quiet)
        settings: Settings = with_teachers(asked, tuned_settings(trials, _runs(folder, trials)))
    else:
        settings = published_settings(asked)
    trials, teaching = reported(asked, settings, parts), teachers(asked, settings, parts)
    finished = _train([*trials, *teaching], asked, folder, launcher, quiet)
    if teaching and finished:
        students = taught(asked, teaching, SweepFolder(folder).path / JOBS, parts)
        finished = _train(students, asked, folder, launcher, quiet)
        trials += students
    lines, differences = _write(
        asked, trials, folder, ["moe-lab", "study", name, *(words or []), *(["--quick"] if quick else [])]
    )
    if quiet:
        echo(folder)
    else:
        if form is Format.table:
            for title, some in (("", lines), (f"differences to {asked.file.against}, by seed", differences)):
                echo(title)
                show([dict(zip(COLUMNS, row, strict=True)) for row in shown(some)], list(COLUMNS), form, empty="none")
                for remark in remarks(some):
                    echo(f"- {remark}")
        else:
            show(lines, list(lines[0]), form, empty="")
        echo(f"study   {folder / 'study.md'}", err=form is not Format.table)
    if not finished:
        raise typer.Exit(1)


def _list(trials: "Sequence[Trial]", asked: "Study", there: "SweepFolder", form: Format) -> None:
    from moe_lab.cli.tables import show
    from moe_lab.sweeps.folder import ENDED

    rows: list[dict[str, Any]] = [
        {"arm": one.arm, "setting": " ".join(one.setting), "seed": one.seed, "status": outcome.state}
        for one, outcome in zip(trials, map(there.outcome, (one.job for one in trials)), strict=True)
    ]
    ended = sum(row["status"] in ENDED for row in rows)
    if form is Format.table:
        rows = _by_setting(rows)
    show(rows, list(rows[0]), form, empty="")
    arms = asked.arms if asked.protocol == "fair" else {name: arm for name, arm in asked.arms.items() if arm.teacher}
    already = f", {ended} of them ended" if ended else ""
    then = f", then {', '.join(arms)} over {asked.seeds} seeds" if arms else ""
    echo(f"{len(trials)} runs{already}{then}; nothing has been written", err=form is not Format.table)


def _by_setting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many runs an arm has in each setting, and how many of them have ended where any has."""
    from moe_lab.sweeps.folder import ENDED

    runs = Counter((row["arm"], row["setting"]) for row in rows)
    ended = Counter((row["arm"], row["setting"]) for row in rows if row["status"] in ENDED)
    return [
        {"arm": arm, "setting": setting, "runs": n} | ({"ended": ended[arm, setting]} if ended else {})
        for (arm, setting), n in runs.items()
    ]


def _train(trials: "Sequence[Trial]", asked: "Study", folder: Path, launcher: "Launcher", quiet: bool) -> bool:
    """Do what is not done yet; whether all ended. Leaves with 130 or 143 where it is asked to stop."""
    from moe_lab.cli.signals import stop_asked
    from moe_lab.cli.sweep_progress import sweep_watch
    from moe_lab.store.folders import claim_again
    from moe_lab.sweeps.run import run_sweep
    from moe_lab.sweeps.studies.study import plan_of

    claim_again(folder)
    with stop_asked() as stop:
        outcomes = run_sweep(plan_of(trials, [asked.name]), folder, launcher, watch=sweep_watch(quiet), stop_asked=stop)
    if stop():
        echo("moe-lab: stopped; the same command goes on", err=True)
        raise typer.Exit(stop.exit_code)
    bad = [one for one in outcomes if not one.ended]
    for one in bad:
        echo(f"moe-lab: {one.name} is {one.state}: {' '.join(one.reason.split())}", err=True)
    return not bad


def _runs(folder: Path, trials: "Sequence[Trial]") -> "dict[str, Run]":
    from moe_lab.store.run import Run
    from moe_lab.sweeps.folder import SweepFolder

    return {trial.job.name: Run(SweepFolder(folder).job(trial.job.name)) for trial in trials}


def _write(
    asked: "Study", trials: "Sequence[Trial]", folder: Path, command: list[str]
) -> "tuple[list[Line], list[Line]]":
    """study.md, study.csv, study.svg, study-runs.csv and study.json, from the runs' own files."""
    import shlex

    from moe_lab.store.atomic import write_csv, write_json, write_text, write_with
    from moe_lab.sweeps.studies.figure import study_figure
    from moe_lab.sweeps.studies.table import Measured, as_markdown, effects, levels

    measured = Measured(trials, _runs(folder, trials))
    lines, differences = levels(asked, measured), effects(asked, measured)
    write_csv(folder / "study.csv", lines)
    write_csv(folder / "study-runs.csv", measured.rows(lines))
    figure = study_figure(lines, measured)
    if figure is not None:
        write_with(folder / "study.svg", lambda file: file.write(figure))
    facts = {"study": asked.name, "choices": asked.choices, "protocol": asked.protocol, "grid": asked.grid}
    settings = {trial.arm: [" ".join(setting) for setting in measured.settings(trial.arm)] for trial in trials}
    write_json(folder / "study.json", facts | {"settings": settings, "levels": lines, "differences": differences})
    for reason in measured.left_out:
        echo(f"moe-lab: left out: {reason}", err=True)
    page = as_markdown(asked, lines, differences, shlex.join(command), measured.left_out, pictured=figure is not None)
    write_text(folder / "study.md", page)
    return lines, differences
