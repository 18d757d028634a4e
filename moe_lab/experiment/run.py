"""From jobs to finished folders: ``run`` for one, ``run_stack`` for many as one program. Launchers and commands call
nothing else."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from moe_lab.config.build import build
from moe_lab.data.dataset import Data
from moe_lab.errors import ConfigError, Diverged, RankLost, RunError
from moe_lab.experiment.inputs import load_data, seeds_of
from moe_lab.experiment.job import Job
from moe_lab.experiment.machine import settle
from moe_lab.experiment.models import learner_of
from moe_lab.experiment.ranks import Team, leading
from moe_lab.experiment.results import results_of
from moe_lab.experiment.writer import RunWriter, SilentWriter
from moe_lab.layers.ranks import among
from moe_lab.mixture.served import served
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
    ``resume`` continue from the state of an unfinished run of the same job in it.

    The status records how it ended. Raises Stopped if a stop was requested (state saved), Diverged if the loss is not
    finite, RankLost if one of several processes has ended (status interrupted), and any other error (status failed).
    Raises RunError, and changes nothing, if a checkpoint belongs to another config.
    """
    writer = RunWriter(job, folder)
    try:
        with leading(job.config, _follow, job, folder.absolute(), resume) as team:
            session = _Session([writer], data, folder, watch or Watch(), stop_asked, team)
            (error,) = session.run(session.saved_state() if resume else None)
    except RankLost as lost:
        if not writer.started:
            writer.start(data.train.x_ND.device.type, 1)
            writer.interrupted(lost)
        raise
    if error is not None:
        raise error


def _follow(team: Team, job: Job, folder: Path, resume: bool) -> None:
    """The work of a rank that does not lead."""
    session = _Session([SilentWriter(job, folder)], load_data(job.config), folder, Watch(), never, team)
    with suppress(Stopped):
        session.run(session.saved_state() if resume else None)


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
    """Train jobs of one structure on one data set as one program; each gets its own folder, as by ``run``.

    Runs that share their structure (moe_lab/training/stack.py) are stacked; otherwise each trains alone, and its log
    says why. The stack's checkpoint is one file in ``home``, removed when all have ended. Returns the error of each job
    (Diverged, or an error of its evaluation), or None. Raises Stopped if a stop was requested (state saved), RunError
    as ``run`` does, and any other error that stopped all of them (status failed). Raises ConfigError, with nothing
    done, if the jobs differ in a key that a stack shares: ``data`` belongs to one of them.
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
    """Train one of several jobs that cannot be stacked."""
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
    """One session of runs that train together: from a fresh start or a saved state to the end, or to a stop."""

    def __init__(
        self,
        writers: Sequence[RunWriter],
        data: Data,
        home: Path,
        watch: Watch,
        stop_asked: StopAsked,
        team: Team | None = None,
    ) -> None:
        self._team = team or Team()
        self._writers = writers
        self._data = data
        self._home = home
        self._watch = watch
        self._stop_asked = stop_asked
        content = build(writers[0].job.config["dataset"]).content()
        self._of_data = checkpoint.of_data(data.shape, data.class_names, data.units.stored(), content)
        self._keys = [writer.job.state_key for writer in writers]
        self._seconds = min(writer.job.config["trainer"]["checkpoint_seconds"] for writer in writers)
        self._saved = time.monotonic()
        self._outcomes: list[Exception | None] = [None] * len(writers)

    def saved_state(self) -> dict[str, Any] | None:
        """The newest undamaged checkpoint; None if the runs were stopped before their first. With several ranks the
        leading one chooses it.
        """
        if not self._team.leads:
            return checkpoint.load(self._home, in_file=True) if self._team.agreed(False) else None
        clear_leftovers(self._home)
        state = self._taken_up() if checkpoint.there(self._home) else None
        self._team.agreed(state is not None)
        return state

    def _taken_up(self) -> dict[str, Any]:
        state, damaged = checkpoint.take_up(self._home, in_file=self._team.ranks is not None)
        if damaged:
            self._writers[0].log.warning("went on from the checkpoint before the newest: %s", damaged)
        if state.get("keys") != self._keys:
            raise RunError(f"{self._home}: the checkpoint does not belong to config.yaml, which has been changed since")
        return state

    def run(self, state: dict[str, Any] | None) -> list[Exception | None]:
        """Train and evaluate. Raises Apart, with nothing done, if the jobs cannot be trained as one program."""
        try:
            for writer in self._writers:
                # in a stack some runs may already have ended; a single run always starts
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
            found = self._team.explained(error)
            for _, writer in self._open():
                if isinstance(found, RankLost):
                    writer.interrupted(found)
                else:
                    writer.failed(error)
            raise found from None if found is not error else found
        return self._outcomes

    def _loop(self) -> Loop:
        jobs = [writer.job for writer in self._writers]
        if self._team.ranks is None and jobs[0].config.get("parallel") is not None:
            raise Apart("runs that have several processes each are not stacked")
        settle(jobs[0].config)
        with among(self._team.ranks):
            members = [
                Member(learner_of(job.config, self._data), build(job.config["trainer"]), seeds_of(job.config))
                for job in jobs
            ]
        self._recipe = build(jobs[0].config["recipe"])
        return Loop(members, self._data, self._watch, self._pause_asked, self._recipe)

    def _pause_asked(self) -> bool:
        return self._team.agreed(self._stop_asked() or self._save_is_due())

    def _open(self) -> list[tuple[int, RunWriter]]:
        return [(run, writer) for run, writer in enumerate(self._writers) if writer.open]

    def _train(self, loop: Loop) -> None:
        self._end_the_ended(loop)
        while not loop.finished:
            if loop.epoch():
                self._log_epoch(loop)
            stopping = self._team.agreed(not loop.finished and self._stop_asked())
            if self._team.agreed(stopping or self._save_is_due() or self._some_are_done(loop)):
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
        state = loop.state_dict(partial(checkpoint.mapped, self._home))
        if self._team.leads:
            checkpoint.save(self._home, {"keys": self._keys, **self._of_data, **state})
        for run, writer in self._open():
            writer.progress(loop.state.records[run])
        self._saved = time.monotonic()

    def _end_the_ended(self, loop: Loop) -> None:
        for run, writer in self._open():
            if loop.ended(run):
                self._outcomes[run] = self._end(loop, run, writer)

    def _end(self, loop: Loop, run: int, writer: RunWriter) -> Exception | None:
        """Write the results of a run that has ended. Returns its error, if any."""
        record = loop.state.records[run]
        try:
            writer.history(record)
            if record.diverged:
                raise Diverged(record.diverged)
            if writer.folder != self._home:
                checkpoint.save(
                    writer.folder, {"keys": [writer.job.state_key], **self._of_data, **loop.state_of_run(run)}
                )
            self._evaluate(loop, run, writer)
        except Diverged as error:
            writer.diverged(error)
            return error
        except Exception as error:
            found = self._team.explained(error)
            if isinstance(found, RankLost):
                writer.interrupted(found)
                return found
            writer.failed(error)
            return error
        return None

    def _evaluate(self, loop: Loop, run: int, writer: RunWriter) -> None:
        learner, ranks = loop.learner_of_run(run), self._team.ranks
        with nullcontext(True) if ranks is None else served(learner, ranks) as leads:
            if leads:
                writer.results(results_of(learner, loop, run, writer.job.config, self._recipe, self._data))


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Within the block an error of a run's state names its folder."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{folder}: {error}") from None


def _has_ended(folder: Path) -> bool:
    """Whether a run of an earlier session has its results already."""
    return (folder / "status.json").exists() and Run(folder).status["status"] in ("finished", "diverged")
