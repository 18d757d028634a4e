"""`moe-lab study`: train a published table as a sweep and compare the numbers with the published ones."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moe_lab.cli.completion import complete_study
from moe_lab.cli.tables import Format, FormatOption, show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Plugins, RunsFolder, Words, load_plugins
from moe_lab.store.folders import RUNS

if TYPE_CHECKING:
    from moe_lab.sweeps.folder import Outcome
    from moe_lab.sweeps.studies.run import Findings, ReadyStudy

EXAMPLES = """
Examples:

    moe-lab study krishnamurthy2023 dataset=mnist

    moe-lab study krishnamurthy2023 dataset=fashion_mnist protocol=fair

    moe-lab study krishnamurthy2023 dataset=mnist grid=full --dry-run

    moe-lab study claims claim=shared_experts

The same command resumes a study that was stopped.
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
        str | None, typer.Option("--name", metavar="NAME", help="Name of its folder; default: NAME and its choices.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and epochs, for a first look.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop; write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the study's folder only.")] = False,
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train the arms of a published table and print the results beside the published numbers, with a verdict."""
    from moe_lab.cli.sweep_progress import planning
    from moe_lab.sweeps.studies.claims import CLAIM
    from moe_lab.sweeps.studies.run import ready_study
    from moe_lab.sweeps.studies.study import Parts

    parts = Parts(config_dir, load_plugins(plugin), planning(quiet))
    asked = _each_claim(name, words or [], folder_name, config_dir)
    several = [ready_study(name, one, runs, folder_name, quick=quick, parts=parts) for one in asked]
    if dry_run:
        for ready in several:
            _list(ready, form)
        return
    found = [_report(ready, quiet, form) for ready in several]
    if len(found) > 1 and not quiet and form is Format.table:
        _overview({ready.study.choices[CLAIM]: one for ready, one in zip(several, found, strict=True)})
    if not all(one.complete for one in found):
        raise typer.Exit(1)


def _each_claim(name: str, words: list[str], folder_name: str | None, config_dir: Path | None) -> list[list[str]]:
    """The words of every claim, if the study has several and no word chooses one; else the words alone. Raises
    ConfigError if several were to have one name."""
    from moe_lab.errors import ConfigError
    from moe_lab.sweeps.studies.claims import CLAIM, claim_names

    claims = claim_names(name, config_dir)
    if not claims or any(word.startswith(f"{CLAIM}=") for word in words):
        return [words]
    if folder_name is not None:
        one = f"choose one with {CLAIM}=NAME"
        raise ConfigError(f"--name names one folder, and study {name} has {len(claims)} claims: {one}")
    return [[f"{CLAIM}={claim}", *words] for claim in claims]


def _report(ready: "ReadyStudy", quiet: bool, form: Format) -> "Findings":
    """Run one study and print what it found."""
    findings = _run(ready, quiet)
    say_left_out(findings)
    if quiet:
        echo(ready.folder)
    else:
        _show(findings, ready, form)
    return findings


def _run(ready: "ReadyStudy", quiet: bool) -> "Findings":
    """Train and write. Exits with 130 or 143 after Ctrl-C or SIGTERM."""
    from moe_lab.cli.signals import stop_asked
    from moe_lab.cli.sweep_progress import sweep_watch
    from moe_lab.sweeps.studies.run import run_study
    from moe_lab.training.watch import Stopped

    with stop_asked() as stop:
        try:
            return run_study(ready, watch=sweep_watch(quiet), stop_asked=stop, unfinished=say_unfinished)
        except Stopped:
            echo("moe-lab: stopped; resume with the same command", err=True)
            raise typer.Exit(stop.exit_code) from None


def say_left_out(findings: "Findings") -> None:
    """Print on stderr which runs were left out, and why."""
    for reason in findings.left_out:
        echo(f"moe-lab: left out: {reason}", err=True)


def say_unfinished(one: "Outcome") -> None:
    """Print on stderr which jobs did not finish, and why."""
    echo(f"moe-lab: {one.name} is {one.state}: {' '.join(one.reason.split())}", err=True)


def _show(findings: "Findings", ready: "ReadyStudy", form: Format) -> None:
    """Print the tables with their notes; in other formats only the levels, with every column."""
    from moe_lab.sweeps.studies.page import notes
    from moe_lab.sweeps.studies.table import shown

    tables = findings.tables
    if form is Format.table:
        against = f"differences to {ready.study.file.against}, by seed"
        for title, lines in (("", tables.levels), (against, tables.differences)):
            echo(title)
            rows = shown(lines)
            show(rows, list(rows[0]) if rows else [], form, empty="none")
            for note in notes(lines):
                echo(f"- {note}")
        _show_predictions(findings, ready)
    else:
        show(tables.levels, list(tables.levels[0]), form, empty="")
    echo(f"study   {ready.folder / 'study.md'}", err=form is not Format.table)


def _show_predictions(findings: "Findings", ready: "ReadyStudy") -> None:
    """Of a claim: the claim, and every prediction with its verdict."""
    from moe_lab.sweeps.studies.claims import Claim
    from moe_lab.sweeps.studies.predictions import COLUMNS, shown_predictions

    if isinstance(file := ready.study.file, Claim):
        echo(f"claim     {file.claim}")
        echo(f"reported  {file.reported}")
        show(shown_predictions(findings.tables.predictions), COLUMNS, Format.table, empty="none")


def _overview(found: Mapping[str, "Findings"]) -> None:
    """The predictions of all claims, by their names, in one table."""
    from moe_lab.sweeps.studies.predictions import COLUMNS, shown_predictions

    echo("all predictions")
    rows = [{"claim": claim} | row for claim, one in found.items() for row in shown_predictions(one.tables.predictions)]
    show(rows, ["claim", *COLUMNS], Format.table, empty="none")


def _list(ready: "ReadyStudy", form: Format) -> None:
    from moe_lab.sweeps.folder import ENDED, SweepFolder

    trials, asked, there = ready.first, ready.study, SweepFolder(ready.folder)
    rows: list[dict[str, Any]] = [
        {"arm": one.arm, "setting": " ".join(one.setting), "seed": one.seed, "status": outcome.state}
        for one, outcome in zip(trials, map(there.outcome, (one.job for one in trials)), strict=True)
    ]
    ended = sum(row["status"] in ENDED for row in rows)
    if form is Format.table:
        rows = _by_setting(rows)
    show(rows, list(rows[0]), form, empty="")
    arms = asked.arms if asked.fair else {name: arm for name, arm in asked.arms.items() if arm.teacher}
    already = f", {ended} of them ended" if ended else ""
    then = f", then {', '.join(arms)} over {asked.seeds} seeds" if arms else ""
    echo(f"{len(trials)} runs{already}{then}; nothing has been written", err=form is not Format.table)


def _by_setting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many runs an arm has in each setting, and how many of them have ended, if any."""
    from moe_lab.sweeps.folder import ENDED

    runs = Counter((row["arm"], row["setting"]) for row in rows)
    ended = Counter((row["arm"], row["setting"]) for row in rows if row["status"] in ENDED)
    return [
        {"arm": arm, "setting": setting, "runs": n} | ({"ended": ended[arm, setting]} if ended else {})
        for (arm, setting), n in runs.items()
    ]
