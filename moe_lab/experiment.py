"""From a job to a finished run folder. Commands and launchers call nothing else."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml

from moe_lab.config.build import build
from moe_lab.data.dataset import Data
from moe_lab.environment import environment
from moe_lab.errors import RunError
from moe_lab.job import Job, learner_of, seeds_of, settle
from moe_lab.metrics import RunArrays, compute
from moe_lab.store.atomic import write_csv, write_json, write_npz, write_text
from moe_lab.store.status import StatusFile
from moe_lab.tasks import Task
from moe_lab.training import checkpoint
from moe_lab.training.evaluate import evaluate
from moe_lab.training.loop import Loop, evaluation_noise
from moe_lab.training.watch import Diverged, StopAsked, Stopped, Watch

_OF_THE_ROUTING = (
    "mutual_information_expert_label_bits",
    "information_per_usage",
    "sample_entropy_bits",
    "usage_entropy_bits",
    "dead_experts",
)
#: the metrics that status.json repeats, so that a listing of many runs reads one small file each
HEADLINE: dict[Task, tuple[str, ...]] = {
    "classification": ("test_error_rate", *_OF_THE_ROUTING),
    "regression": ("test_rmse_sd", "test_r2", "test_loss_nats", *_OF_THE_ROUTING),
}


def run(
    job: Job,
    folder: Path,
    data: Data,
    *,
    watch: Watch | None = None,
    stop_asked: StopAsked = lambda: False,
    resume: bool = False,
) -> None:
    """Train, evaluate and measure one job into ``folder``, a fresh folder that the caller has claimed, or with
    ``resume`` go on with the state that an unfinished run of the same job has left there.

    The status tells how it ended. Raises Stopped where a stop was asked for (state saved), Diverged where the loss is
    no number any more, and whatever else went wrong (status failed). Raises RunError, and changes nothing, where a
    checkpoint belongs to another config.
    """
    state = _saved_state(job, folder) if resume else None
    status = StatusFile(folder, **job.facts, headline={})
    with _log(folder) as log:
        _write_config(job, folder, data.train.x_ND.device.type)
        status.start()
        try:
            settle(job.config)
            session = _Session(job, folder, status, log, stop_asked)
            headline = session.run(data, watch or Watch(), state)
        except Diverged as error:
            log.error("diverged: %s", error)
            status.end("diverged", error=str(error))
            raise
        except (Stopped, KeyboardInterrupt) as error:
            log.warning("interrupted")
            status.end("interrupted", error=str(error) or "interrupted")
            raise
        except BaseException as error:
            log.exception("failed")
            status.end("failed", error=f"{type(error).__name__}: {error}")
            raise
        status.end("finished", headline=headline)
        log.info("finished")


class _Session:
    """One stretch of a run: from a fresh start or a saved state to the end, or to where it is stopped."""

    def __init__(self, job: Job, folder: Path, status: StatusFile, log: logging.Logger, stop_asked: StopAsked) -> None:
        self._job = job
        self._folder = folder
        self._status = status
        self._log = log
        self._stop_asked = stop_asked
        self._seconds = job.config["trainer"]["checkpoint_seconds"]
        self._saved = time.monotonic()

    def run(self, data: Data, watch: Watch, state: dict[str, Any] | None) -> dict[str, Any]:
        """Train and evaluate; the headline metrics."""
        trainer = build(self._job.config["trainer"])
        learner, seeds = learner_of(self._job.config, data), seeds_of(self._job.config)
        loop = Loop(learner, data, trainer, seeds, watch, lambda: self._stop_asked() or self._save_is_due())
        if state is not None:
            loop.load_state_dict(state)
        watch.begin(trainer.epochs, loop.batches_an_epoch)
        try:
            self._train(loop)
        finally:
            self._write_history(loop)
        return self._evaluate(loop, data)

    def _train(self, loop: Loop) -> None:
        while not loop.finished:
            row = loop.epoch()
            if row is not None:
                self._log.info("epoch %d: train loss %.4f nats", row["epoch"], row["train_loss_nats"])
            stopping = not loop.finished and self._stop_asked()
            if stopping or loop.finished or self._save_is_due():
                self._save(loop)
            if stopping:
                raise Stopped(f"stopped in epoch {loop.state.epoch + 1}; its state is saved")

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved >= self._seconds

    def _save(self, loop: Loop) -> None:
        checkpoint.save(self._folder, {"key": self._job.key, **loop.state_dict()})
        self._write_history(loop)
        self._status.touch()
        self._saved = time.monotonic()

    def _write_history(self, loop: Loop) -> None:
        write_csv(self._folder / "history.csv", loop.state.history)
        write_csv(self._folder / "timing.csv", loop.state.timing)

    def _evaluate(self, loop: Loop, data: Data) -> dict[str, Any]:
        noise = evaluation_noise(seeds_of(self._job.config), data.train.x_ND.device)
        files = evaluate(loop.learner.mixture, data, noise)
        if loop.state.assignments:
            expert = torch.stack(loop.state.assignments).numpy()
            files["assignments"] = {"sample_index": data.validation.index_N.cpu().numpy(), "expert": expert}
        for name, arrays in files.items():
            write_npz(self._folder / f"{name}.npz", arrays)
        arrays = RunArrays.from_arrays(files["routing"], files["evaluation"])
        metrics = compute(arrays)
        write_json(self._folder / "metrics.json", metrics)
        return {name: metrics[name]["value"] for name in HEADLINE[arrays.task]}


def _saved_state(job: Job, folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint; None where the run was stopped before its first."""
    if not any((folder / name).exists() for name in (checkpoint.NEWEST, checkpoint.PREVIOUS)):
        return None
    state = checkpoint.load(folder)
    if state.get("key") != job.key:
        raise RunError(f"{folder}: the checkpoint does not belong to config.yaml, which has been changed since")
    return state


def _write_config(job: Job, folder: Path, device: str) -> None:
    write_text(folder / "config.yaml", yaml.safe_dump(job.config, sort_keys=False))
    write_json(folder / "environment.json", environment(job.config["trainer"]["threads"], job.key, device))


@contextmanager
def _log(folder: Path) -> Iterator[logging.Logger]:
    """A logger that writes train.log and nothing else."""
    log = logging.Logger(f"moe_lab.{folder.name}")
    handler = logging.FileHandler(folder / "train.log", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()
