"""From jobs to finished folders: ``run`` for one, ``run_stack`` for many as one program. Launchers and commands call
nothing else."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moe_lab.config.build import build
from moe_lab.data.dataset import Data
from moe_lab.errors import ConfigError, Diverged, RunError
from moe_lab.experiment.inputs import seeds_of
from moe_lab.experiment.job import Job
from moe_lab.experiment.machine import settle
from moe_lab.experiment.models import learner_of
from moe_lab.experiment.results import results_of
from moe_lab.experiment.writer import RunWriter
from moe_lab.store import checkpoint
from moe_lab.store.atomic import clear_leftovers
from moe_lab.store.run import Run
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member
from moe_lab.training.stack import SHARED, Apart
from moe_lab.training.watch import StopAsked, Stopped, Watch


def never() -> bool:
    return False


def run(
    job: Job,
    folder: Path,
    data: Data,
    *,
    watch: Watch | None = None,
    stop_asked: StopAsked = never,
    resume: bool = False,
) -> None:
    """Train, evaluate and measure one job into ``folder``, a fresh folder that the caller has claimed, or with
    ``resume`` go on with the state that an unfinished run of the same job has left there.

    The status tells how it ended. Raises Stopped where a stop was asked for (state saved), Diverged where the loss is
    no number any more, and whatever else went wrong (status failed). Raises RunError, and changes nothing, where a
    checkpoint belongs to another config.
    """
    (error,) = run_stack([job], [folder], data, home=folder, watch=watch, stop_asked=stop_asked, resume=resume)
    if error is not None:
        raise error


def run_stack(
    jobs: Sequence[Job],
    folders: Sequence[Path],
    data: Data,
    *,
    home: Path,
    watch: Watch | None = None,
    stop_asked: StopAsked = never,
    resume: bool = False,
) -> list[Exception | None]:
    """Train jobs of one structure on one data set as one program; each ends in its own folder as it would by ``run``.

    Runs that share their structure (moe_lab/training/stack.py) are stacked; where they do not, each trains alone, and
    its log says why. The stack's checkpoint is one file in ``home``, and is gone when all have ended. Returns what
    went wrong with each job (Diverged, or what its evaluation raised), None where nothing did. Raises Stopped where a
    stop was asked for (state saved), RunError as ``run`` does, and whatever else stopped them all (status failed).
    Raises ConfigError, with nothing done, if the jobs differ in a key that a stack shares: ``data`` is of one of them.
    """
    for name in SHARED:
        if any(job.config.get(name) != jobs[0].config.get(name) for job in jobs):
            raise ConfigError(f"runs of one stack share {name}, and these have several: run each by itself")
    writers = [RunWriter(job, folder) for job, folder in zip(jobs, folders, strict=True)]
    session = _Session(writers, data, home, watch or Watch(), stop_asked)
    state = session.saved_state() if resume else None
    try:
        outcomes = session.run(state)
    except Apart as reason:
        return [_alone(writer, data, watch, stop_asked, resume, reason) for writer in writers]
    if home not in folders:
        checkpoint.remove(home)
    return outcomes


def _alone(
    writer: RunWriter, data: Data, watch: Watch | None, stop_asked: StopAsked, resume: bool, reason: Apart
) -> Exception | None:
    """One of several jobs that cannot be stacked."""
    writer.log.warning("trains alone: %s", reason)
    writer.close()
    try:
        run(writer.job, writer.folder, data, watch=watch, stop_asked=stop_asked, resume=resume)
    except Stopped:
        raise
    except Exception as error:
        return error
    return None


class _Session:
    """One stretch of runs that train together: from a fresh start or a saved state to the end, or to a stop."""

    def __init__(self, writers: list[RunWriter], data: Data, home: Path, watch: Watch, stop_asked: StopAsked) -> None:
        self._writers = writers
        self._data = data
        self._home = home
        self._watch = watch
        self._stop_asked = stop_asked
        content = build(writers[0].job.config["dataset"]).content()
        self._of_data = checkpoint.of_data(data.shape, data.class_names, data.units.stored(), content)
        self._keys = [writer.job.key for writer in writers]
        self._seconds = min(writer.job.config["trainer"]["checkpoint_seconds"] for writer in writers)
        self._saved = time.monotonic()
        self._outcomes: list[Exception | None] = [None] * len(writers)

    def saved_state(self) -> dict[str, Any] | None:
        """The newest checkpoint that is whole; None where the runs were stopped before their first."""
        clear_leftovers(self._home)
        if not checkpoint.there(self._home):
            return None
        state, damaged = checkpoint.take_up(self._home)
        if damaged:
            self._writers[0].log.warning("went on from the checkpoint before the newest: %s", damaged)
        if state.get("keys") != self._keys:
            raise RunError(f"{self._home}: the checkpoint does not belong to config.yaml, which has been changed since")
        return state

    def run(self, state: dict[str, Any] | None) -> list[Exception | None]:
        """Train and evaluate. Raises Apart, with nothing done, where the jobs cannot be one program."""
        try:
            for writer in self._writers:
                # of a stack, which has a home of its own, others may have to go on; one alone is here to be trained
                goes_on = state is not None or writer.folder != self._home
                if not (goes_on and _has_ended(writer.folder)):
                    writer.start(self._data.train.x_ND.device.type, len(self._writers))
            loop = self._loop()
            if state is not None:
                with _named(self._home):
                    loop.load_state_dict(state)
            self._watch.begin(loop.epochs, loop.batches_an_epoch)
            try:
                self._train(loop)
            finally:
                for run, writer in self._open():
                    writer.history(loop.state.records[run])
        except Apart:
            raise
        except (Stopped, KeyboardInterrupt) as error:
            for _, writer in self._open():
                writer.interrupted(error)
            raise
        except BaseException as error:
            for _, writer in self._open():
                writer.failed(error)
            raise
        return self._outcomes

    def _loop(self) -> Loop:
        jobs = [writer.job for writer in self._writers]
        settle(jobs[0].config)
        members = [
            Member(learner_of(job.config, self._data), build(job.config["trainer"]), seeds_of(job.config))
            for job in jobs
        ]
        self._recipe = build(jobs[0].config["recipe"])
        return Loop(members, self._data, self._watch, lambda: self._stop_asked() or self._save_is_due(), self._recipe)

    def _open(self) -> list[tuple[int, RunWriter]]:
        return [(run, writer) for run, writer in enumerate(self._writers) if writer.open]

    def _train(self, loop: Loop) -> None:
        self._end_the_ended(loop)
        while not loop.finished:
            if loop.epoch():
                self._log_epoch(loop)
            stopping = not loop.finished and self._stop_asked()
            if stopping or self._save_is_due() or self._some_are_done(loop):
                self._save(loop)
            self._end_the_ended(loop)
            if stopping:
                raise Stopped(f"stopped in epoch {loop.state.epoch + 1}; its state is saved")

    def _log_epoch(self, loop: Loop) -> None:
        for run, writer in self._open():
            row = loop.state.records[run].history[-1:]
            if row and row[0]["epoch"] == loop.state.epoch:
                writer.log.info("epoch %d: train loss %.4f nats", row[0]["epoch"], row[0]["train_loss_nats"])

    def _some_are_done(self, loop: Loop) -> bool:
        return any(loop.ended(run) and not loop.state.records[run].diverged for run, _ in self._open())

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved >= self._seconds

    def _save(self, loop: Loop) -> None:
        checkpoint.save(self._home, {"keys": self._keys, **self._of_data, **loop.state_dict()})
        for run, writer in self._open():
            writer.progress(loop.state.records[run])
        self._saved = time.monotonic()

    def _end_the_ended(self, loop: Loop) -> None:
        for run, writer in self._open():
            if loop.ended(run):
                self._outcomes[run] = self._end(loop, run, writer)

    def _end(self, loop: Loop, run: int, writer: RunWriter) -> Exception | None:
        """Write a run that has ended into its folder; what went wrong with it."""
        record = loop.state.records[run]
        try:
            writer.history(record)
            if record.diverged:
                raise Diverged(record.diverged)
            if writer.folder != self._home:
                checkpoint.save(writer.folder, {"keys": [writer.job.key], **self._of_data, **loop.state_of_run(run)})
            writer.results(results_of(loop, run, writer.job.config, self._recipe, self._data))
        except Diverged as error:
            writer.diverged(error)
            return error
        except Exception as error:
            writer.failed(error)
            return error
        return None


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """What is wrong with a run's state names its folder."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{folder}: {error}") from None


def _has_ended(folder: Path) -> bool:
    """Whether a run of an earlier stretch has its results already."""
    return (folder / "status.json").exists() and Run(folder).status["status"] in ("finished", "diverged")
