"""From a job to a finished run folder. Commands and launchers call nothing else."""

import logging
import os
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
from moe_lab.job import Config, Job, learner_of, seeds_of
from moe_lab.metrics import RunArrays, compute
from moe_lab.store.atomic import write_csv, write_json, write_npz, write_text
from moe_lab.store.status import StatusFile
from moe_lab.training import checkpoint
from moe_lab.training.evaluate import evaluate
from moe_lab.training.loop import Loop, evaluation_noise
from moe_lab.training.watch import Diverged, StopAsked, Stopped, Watch

#: the metrics that status.json repeats, so that a listing of many runs reads one small file each
HEADLINE = (
    "test_error_rate",
    "mutual_information_expert_label_bits",
    "information_per_usage",
    "sample_entropy_bits",
    "usage_entropy_bits",
    "dead_experts",
)


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
    status = StatusFile(folder, key=job.key, choices=job.choices, differs=job.differs, headline={})
    with _log(folder) as log:
        _write_config(job, folder)
        status.start()
        try:
            _settle(job.config)
            loop = _loop(job, data, watch or Watch(), stop_asked, state)
            _train(loop, folder, job, status, log)
            headline = _finish(loop, folder, job, data)
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


def _settle(config: Config) -> None:
    """What is global to the process: threads, and algorithms that give the same bits again."""
    torch.set_num_threads(config["trainer"]["threads"])
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def _saved_state(job: Job, folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint; None where the run was stopped before its first."""
    if not any((folder / name).exists() for name in (checkpoint.NEWEST, checkpoint.PREVIOUS)):
        return None
    state = checkpoint.load(folder)
    if state.get("key") != job.key:
        raise RunError(f"{folder}: the checkpoint does not belong to config.yaml, which has been changed since")
    return state


def _loop(job: Job, data: Data, watch: Watch, stop_asked: StopAsked, state: dict[str, Any] | None) -> Loop:
    trainer = build(job.config["trainer"])
    loop = Loop(learner_of(job.config, data), data, trainer, seeds_of(job.config), watch, stop_asked)
    if state is not None:
        loop.load_state_dict(state)
    watch.begin(trainer.epochs, loop.batches)
    return loop


def _train(loop: Loop, folder: Path, job: Job, status: StatusFile, log: logging.Logger) -> None:
    saved = time.monotonic()
    while not loop.finished:
        try:
            row = loop.epoch()
        except Diverged:
            _write_history(loop, folder)
            raise
        due = time.monotonic() - saved >= job.config["trainer"]["checkpoint_seconds"]
        if row is None or due or loop.finished:
            checkpoint.save(folder, {"key": job.key, **loop.state_dict()})
            _write_history(loop, folder)
            status.touch()
            saved = time.monotonic()
        if row is None:
            raise Stopped(f"stopped in epoch {loop.state.epoch + 1}; its state is saved")
        log.info("epoch %d: train loss %.4f nats", row["epoch"], row["train_loss_nats"])


def _finish(loop: Loop, folder: Path, job: Job, data: Data) -> dict[str, Any]:
    noise = evaluation_noise(seeds_of(job.config), data.train.x_ND.device)
    files = evaluate(loop.learner.mixture, data, noise)
    if loop.state.assignments:
        expert = torch.stack(loop.state.assignments).numpy()
        files["assignments"] = {"sample_index": data.validation.index_N.cpu().numpy(), "expert": expert}
    for name, arrays in files.items():
        write_npz(folder / f"{name}.npz", arrays)
    metrics = compute(RunArrays.from_arrays(files["routing"], files["evaluation"]))
    write_json(folder / "metrics.json", metrics)
    return {name: metrics[name]["value"] for name in HEADLINE}


def _write_history(loop: Loop, folder: Path) -> None:
    write_csv(folder / "history.csv", loop.state.history)
    write_csv(folder / "timing.csv", loop.state.timing)


def _write_config(job: Job, folder: Path) -> None:
    write_text(folder / "config.yaml", yaml.safe_dump(job.config, sort_keys=False))
    write_json(folder / "environment.json", environment(job.config["trainer"]["threads"], job.key))


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
