"""A study from its words to its page, as `moe-lab study` does it, from Python:

ready = ready_study("krishnamurthy2023", ["dataset=mnist"], Path("runs"), quick=True)
findings = run_study(ready)
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from moe_lab.experiment.run import never
from moe_lab.store.folders import check_runs, check_spelling, claim_again
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import JOBS, Outcome, SweepFolder
from moe_lab.sweeps.launcher import Launcher
from moe_lab.sweeps.run import SweepWatch, run_sweep
from moe_lab.sweeps.settings import settings as sweep_settings
from moe_lab.sweeps.settings import split
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.place import check_place, command_of
from moe_lab.sweeps.studies.stretches import InStretches
from moe_lab.sweeps.studies.study import (
    BUILT_IN,
    Parts,
    Settings,
    Study,
    Trial,
    open_study,
    plan_of,
    published_settings,
    reported,
    taught,
    teachers,
    tuned_settings,
    tuning,
    tuning_errors,
    with_teachers,
)
from moe_lab.sweeps.studies.table import Tables
from moe_lab.sweeps.studies.write import write_study, write_tuning
from moe_lab.training.watch import StopAsked, Stopped


@dataclass(frozen=True)
class ReadyStudy:
    """A study and where it goes; nothing has been written yet.

    first:   the runs that depend on no others: in a fair comparison those that choose the settings, else those of the
             published settings.
    command: words that repeat the study, for its page.
    owner:   the command whose runs its folder has, for its plan.
    """

    study: Study
    folder: Path
    launcher: Launcher
    parts: Parts
    first: list[Trial]
    command: tuple[str, ...]
    owner: str


@dataclass(frozen=True)
class Findings:
    """What a study found: the lines of its tables, the runs that were left out and why, and whether every run finished
    or diverged."""

    tables: Tables
    left_out: list[str]
    complete: bool


def ready_study(
    name: str,
    words: Sequence[str],
    runs: Path,
    folder_name: str | None = None,
    *,
    quick: bool = False,
    parts: Parts = BUILT_IN,
) -> ReadyStudy:
    """The study ``name`` as ``words``, launcher words among them, have it, in ``runs/folder_name``, by default named
    by its words. Raises ConfigError as ``open_study`` and ``settings`` do, RunError if ``runs`` or ``folder_name``
    cannot be used or the folder has the runs of another command.
    """
    check_runs(runs)
    if folder_name is not None:
        check_spelling(folder_name)
    of_jobs, of_sweep = split(words)
    launcher = sweep_settings(of_sweep, parts.config_dir, parts.plugins).launcher
    study = open_study(name, of_jobs, parts.config_dir, quick=quick)
    folder = runs / (folder_name or study.folder_name + ("-quick" if quick else ""))
    check_place(folder, study, quick=quick)
    first = tuning(study, parts) if study.fair else reported(study, published_settings(study), parts)
    command = ("moe-lab", "study", name, *words, *(["--quick"] if quick else []))
    return ReadyStudy(study, folder, launcher, parts, first, command, command_of(study, quick=quick))


def run_study(
    ready: ReadyStudy,
    *,
    watch: SweepWatch | None = None,
    stop_asked: StopAsked = never,
    unfinished: Callable[[Outcome], None] = lambda outcome: None,
) -> Findings:
    """Train what has not ended, then write study.md, study.csv, study.svg, study-runs.csv and study.json.

    A fair comparison first trains the runs that choose each arm's setting, and writes their errors to
    study-tuning.csv. Arms with a teacher come last, and only if every teacher has ended. ``unfinished`` is called with
    each job that failed, as soon as those of its kind are through. Raises Stopped if ``stop_asked`` (the same call goes
    on), ConfigError if an arm has no setting that finished on all tuning seeds, and RunError and Held as ``run_sweep``
    does.
    """
    train = partial(_train, ready, InStretches(watch or SweepWatch()), stop_asked, unfinished)
    study, parts, trials = ready.study, ready.parts, list(ready.first)
    if study.fair:
        train(trials)
        errors = tuning_errors(trials, _runs(ready.folder, trials))
        write_tuning(ready.folder, trials, errors)
        settings: Settings = with_teachers(study, tuned_settings(trials, errors))
        trials = reported(study, settings, parts)
    else:
        settings = published_settings(study)
    teaching = teachers(study, settings, parts)
    complete = train([*trials, *teaching])
    if teaching and complete:
        students = taught(study, teaching, SweepFolder(ready.folder).path / JOBS, parts)
        complete = train(students)
        trials += students
    measured = Measured(trials, _runs(ready.folder, trials))
    tables = write_study(ready.folder, study, measured, shlex.join(ready.command))
    return Findings(tables, measured.left_out, complete)


def _train(
    ready: ReadyStudy,
    watch: SweepWatch,
    stop_asked: StopAsked,
    unfinished: Callable[[Outcome], None],
    trials: Sequence[Trial],
) -> bool:
    """Do those of the runs that have not ended; whether all have now. Raises Stopped if it was asked to stop."""
    if stop_asked():
        raise Stopped("stopped before the next runs")
    claim_again(ready.folder)
    plan = plan_of(trials, [ready.owner])
    outcomes = run_sweep(plan, ready.folder, ready.launcher, watch=watch, stop_asked=stop_asked)
    if stop_asked():
        raise Stopped("stopped; the state of the runs is saved")
    bad = [one for one in outcomes if not one.ended]
    for one in bad:
        unfinished(one)
    return not bad


def _runs(folder: Path, trials: Sequence[Trial]) -> dict[str, Run]:
    return {trial.job.name: Run(SweepFolder(folder).job(trial.job.name)) for trial in trials}
