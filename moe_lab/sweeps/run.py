"""Running a plan: the launcher gets the jobs that have not ended, and every outcome is collected."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from moe_lab.config.plugins import loaded_plugins
from moe_lab.experiment.run import never
from moe_lab.store.atomic import clear_leftovers, write_csv
from moe_lab.store.claim import claimed
from moe_lab.sweeps.folder import LOCK, SUMMARY, Outcome, SweepFolder
from moe_lab.sweeps.launcher import Launcher
from moe_lab.sweeps.plan import Plan, Planned
from moe_lab.sweeps.sweeper import Plans
from moe_lab.sweeps.table import job_rows
from moe_lab.sweeps.work import Ended, Work
from moe_lab.training.watch import StopAsked

#: states that --fail-fast stops at
FAILED = ("failed", "lost")


class SweepWatch:
    """Observer of a sweep that does nothing; the command line's subclass shows progress. One observer may serve several
    sweeps in turn."""

    def begin(self, outcomes: Sequence[Outcome], read: Callable[[str], Outcome]) -> None:
        """Called before the first job, with every job's outcome so far and ``read``, which returns a job's present
        outcome."""

    def ended(self, outcome: Outcome) -> None:
        """Called after every job."""

    def close(self) -> None:
        """Called after the last job, or when the sweep is broken off."""


def run_sweep(
    plan: Plan,
    folder: Path,
    launcher: Launcher,
    *,
    watch: SweepWatch | None = None,
    stop_asked: StopAsked = never,
    fail_fast: bool = False,
) -> list[Outcome]:
    """Run every job of ``plan``, and of the plan already stored in ``folder``, that has not ended yet.

    ``folder`` must exist; plan.json is written into it before anything else. Jobs that finished or diverged are left
    unchanged, others continue from their checkpoints. ``fail_fast``: a job that fails stops the others, with their
    state saved. Returns the outcome of every job, in the plan's order. Raises Held if another process runs this sweep,
    RunError and ConfigError if the stored plan cannot be used.
    """
    sweep, watch = SweepFolder(folder), watch or SweepWatch()
    plugins = loaded_plugins()
    with claimed(folder / LOCK):
        clear_leftovers(folder)
        if sweep.has_plan:
            plan = sweep.read_plan(plugins).extended(plan)
        sweep.write_plan(plan)
        sweep.lay_out(plan)
        session = _Session(plan, sweep, watch, stop_asked, fail_fast)
        work = Work(folder.resolve(), tuple(Path(sys.modules[name].__file__ or "") for name in plugins))
        try:
            session.run(launcher, work)
        finally:
            watch.close()
            write_csv(folder / SUMMARY, job_rows(session.outcomes, plan.jobs))
        return session.outcomes


def run_plans(
    first: Plan,
    plans: Plans | None,
    folder: Path,
    launcher: Launcher,
    *,
    watch: SweepWatch | None = None,
    stop_asked: StopAsked = never,
    fail_fast: bool = False,
) -> tuple[list[Outcome], str]:
    """Run a sweeper's first plan and the plans that it derives from the outcomes, in one folder.

    Returns the outcome of every job and the sweeper's closing message. Raises as ``run_sweep`` does.
    """
    made = first
    while True:
        outcomes = run_sweep(made, folder, launcher, watch=watch, stop_asked=stop_asked, fail_fast=fail_fast)
        broken_off = stop_asked() or (fail_fast and any(one.state in FAILED for one in outcomes))
        if plans is None or broken_off:
            return outcomes, ""
        try:
            made = plans.send(SweepFolder(folder))
        except StopIteration as end:
            return outcomes, end.value


class _Session:
    """One session of a sweep, until its end or a stop."""

    def __init__(
        self, plan: Plan, sweep: SweepFolder, watch: SweepWatch, stop_asked: StopAsked, fail_fast: bool
    ) -> None:
        self._sweep = sweep
        self._watch = watch
        self._stop_asked = stop_asked
        self._fail_fast = fail_fast
        self._failed = False
        self._plan = plan
        self._planned = {planned.name: planned for planned in plan.jobs}
        self._outcomes = {planned.name: sweep.outcome(planned) for planned in plan.jobs}

    @property
    def outcomes(self) -> list[Outcome]:
        return list(self._outcomes.values())

    def run(self, launcher: Launcher, work: Work) -> None:
        todo = [self._planned[one.name] for one in self.outcomes if not one.ended]
        self._watch.begin(self.outcomes, lambda name: self._sweep.outcome(self._planned[name]))
        tasks = launcher.tasks(todo, self._plan, self._sweep)
        for task in tasks:
            if task.stack is not None:
                self._sweep.begin_stack(task.stack, [planned.name for planned in task.jobs])
        for ended in launcher.launch(tasks, work, self._stops):
            for planned in ended.task.jobs:
                if planned in todo:
                    self._collect(planned, ended)
        if all(one.ended for one in self.outcomes):
            self._sweep.clear_stacks()

    def _stops(self) -> bool:
        return self._stop_asked() or (self._fail_fast and self._failed)

    def _collect(self, planned: Planned, ended: Ended) -> None:
        outcome = self._sweep.outcome(planned)
        if not outcome.ended and ended.trouble:
            held = outcome.state == "running" and " is in use by " in ended.trouble
            state = outcome.state if held or outcome.state == "failed" else "lost"
            outcome = replace(outcome, state=state, reason=ended.trouble)
        self._failed |= outcome.state in FAILED
        self._outcomes[planned.name] = outcome
        self._watch.ended(outcome)
