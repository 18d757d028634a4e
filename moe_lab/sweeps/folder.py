"""A sweep's folder: the plan, one folder per job, and the recorded outcome of each job."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.errors import ConfigError, RunError
from moe_lab.experiment.job import checked_job
from moe_lab.experiment.writer import RunWriter
from moe_lab.store import checkpoint
from moe_lab.store.atomic import SUFFIX, clear_leftovers, write_json
from moe_lab.store.folders import make_inside, refuse_link
from moe_lab.store.moved import as_now
from moe_lab.store.plan import PLAN, StoredJob, StoredPlan, read_plan, write_plan
from moe_lab.store.run import Run, as_written
from moe_lab.store.status import State
from moe_lab.store.untrusted import inside, read_json, read_text
from moe_lab.sweeps.plan import JOB_NAME, Follow, Plan, Planned, silently

JOBS, LOCK, STACKS, SUMMARY = "jobs", "lock", "stacks", "summary.csv"
MEMBERS = "stack.json"
#: states of jobs that are not run again
ENDED: tuple[State, ...] = ("finished", "diverged")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: its state, the reason in a few words, the choices that define it, and a few metrics.

    ``share`` is the share of its epochs that its history contains.
    """

    name: str
    state: State
    reason: str
    choices: dict[str, Any]
    headline: dict[str, Any]
    share: float = 0.0

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class SweepFolder:
    """``plan.json``, ``jobs/NAME/`` and the locks of a sweep at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def has_plan(self) -> bool:
        return (self.path / PLAN).is_file()

    @property
    def without_plan(self) -> bool:
        """Whether the folder exists and contains only what a sweep leaves if it is killed before its plan is
        written."""
        if not self.path.is_dir() or self.has_plan:
            return False
        return all(one.name == LOCK or one.name.endswith(SUFFIX) for one in self.path.iterdir())

    def job(self, name: str) -> Path:
        return self.path / JOBS / name

    def read_plan(self, plugins: list[str] | tuple[str, ...] = (), follow: Follow = silently) -> Plan:
        """The stored plan, checked like a command line: every config against the parts' signatures, every key against
        its config. Nothing in it is composed or executed. Raises RunError if the plan cannot be read or a key is wrong,
        and ConfigError if a config is not valid."""
        try:
            stored = read_plan(self.path)
        except FileNotFoundError:
            told = "; it was stopped before its plan was written: start it again with --name"
            raise RunError(
                f"{self.path} is not a sweep's folder (it has no {PLAN}){told if self.without_plan else ''}"
            ) from None
        path = self.path / PLAN
        listed = follow(stored.jobs, len(stored.jobs), "jobs of the stored plan checked")
        with as_written(path):
            jobs = [_planned(one, plugins, path) for one in listed]
        if len({planned.name for planned in jobs}) != len(jobs):
            raise RunError(f"{path} names a job twice: it has been changed since the sweep began")
        return Plan(stored.words, jobs, stored.refused)

    def write_plan(self, plan: Plan) -> None:
        """Write plan.json. Raises ConfigError if the plan would be too large to be read back."""
        jobs = [StoredJob(one.name, one.words, one.aside, **one.job.facts, config=one.job.config) for one in plan.jobs]
        write_plan(self.path, StoredPlan(plan.words, jobs, plan.refused))

    def lay_out(self, plan: Plan) -> None:
        """Make a folder for every job that has none yet, with its config and the status ``planned``."""
        make_inside(self.path / JOBS)
        refuse_link(self.path / STACKS)
        for planned in plan.jobs:
            self.lay_out_job(planned)

    def lay_out_job(self, planned: Planned) -> None:
        folder = make_inside(self.job(planned.name))
        if not (folder / "status.json").exists():
            RunWriter(planned.job, folder).plan()

    def begin_stack(self, name: str, jobs: list[str]) -> None:
        """Make the folder of a stack, with the names of its jobs in order; its checkpoint is saved there later."""
        folder = make_inside(make_inside(self.path / STACKS) / name)
        write_json(folder / MEMBERS, jobs)

    def stacks(self) -> dict[str, list[str]]:
        """Stacks of an earlier session of the sweep: name -> jobs. Those whose files cannot be read are left out."""
        found = {}
        for folder in sorted((self.path / STACKS).glob("*")):
            if folder.is_dir() and not folder.is_symlink():
                with suppress(OSError, ValueError, TypeError):
                    found[folder.name] = _texts(read_json(read_text(inside(folder / MEMBERS))))
        return found

    def has_state(self, stack: str) -> bool:
        """Whether a stack has a checkpoint."""
        return checkpoint.there(self.path / STACKS / stack)

    def clear_stacks(self) -> None:
        """Remove the folders of stacks, which are not needed once every job has ended."""
        folders = [folder for folder in (self.path / STACKS).glob("*") if folder.is_dir() and not folder.is_symlink()]
        for folder in folders:
            clear_leftovers(folder)
            checkpoint.remove(folder)
            (folder / MEMBERS).unlink(missing_ok=True)
        with suppress(OSError):
            for folder in [*folders, *([self.path / STACKS] if folders else [])]:
                folder.rmdir()

    def outcome(self, planned: Planned) -> Outcome:
        """The outcome of a job by its recorded status; a job whose status cannot be read is lost. Raises RunError if a
        finished job has another key than the plan."""
        folder, choices = self.job(planned.name), planned.job.differs
        if not (folder / "status.json").exists():
            return Outcome(planned.name, "planned", "", choices, {})
        try:
            status = Run(folder).status
        except RunError as error:
            return Outcome(planned.name, "lost", str(error), choices, {})
        if status["status"] in ENDED and status.get("key") != planned.job.key:
            raise RunError(f"{folder} has another config than {PLAN}: one of them has been changed since")
        reason = status.get("error") or ("its process is gone" if status["status"] == "lost" else "")
        share = 1.0 if status["status"] in ENDED else _share(folder, planned.job.config)
        return Outcome(planned.name, status["status"], str(reason), choices, status.get("headline") or {}, share)


def _planned(stored: StoredJob, plugins: list[str] | tuple[str, ...], path: Path) -> Planned:
    if not JOB_NAME.fullmatch(stored.name):
        raise RunError(f"{path}: a job cannot have the name {stored.name[:100]!r}")
    try:
        job = checked_job(as_now(stored.config), stored.facts, plugins)
    except ConfigError as error:
        raise ConfigError(f"{path}, job {stored.name}: {error}") from None
    if job.key != stored.key:
        why = "it was edited, or written by another version of moe-lab; give the sweep another --name"
        raise RunError(f"{path}, job {stored.name}: its key does not belong to its config: {why}")
    return Planned(stored.name, stored.words, stored.aside, job)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError
    return value


def _share(folder: Path, config: Mapping[str, Any]) -> float:
    """Rows of the history so far, divided by the number of epochs; 0 if there is no history."""
    epochs = config.get("trainer", {}).get("epochs")
    if not isinstance(epochs, int) or epochs < 1:
        return 0.0
    try:
        rows = read_text(inside(folder / "history.csv")).count("\n") - 1
    except (OSError, RunError):
        return 0.0
    return min(1.0, max(0, rows) / epochs)
