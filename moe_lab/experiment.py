"""From a config to a finished run folder. Commands and launchers call nothing else."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import yaml

from moe_lab.config.build import build
from moe_lab.config.check import check
from moe_lab.config.compose import choices, compose
from moe_lab.config.differences import config_key, differences
from moe_lab.data.dataset import Data, Dataset
from moe_lab.environment import environment
from moe_lab.errors import ConfigError
from moe_lab.metrics import RunArrays, compute
from moe_lab.mixture import Learner, build_learner, combine_rule, sizes_of
from moe_lab.parts import Experts, Gate, Objective, Regularizer
from moe_lab.ranges import Count, Seed
from moe_lab.store.atomic import write_csv, write_json, write_npz, write_text
from moe_lab.store.status import StatusFile
from moe_lab.training import checkpoint
from moe_lab.training.evaluate import evaluate
from moe_lab.training.loop import Loop, Seeds, evaluation_noise
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Diverged, StopAsked, Stopped, Watch

Config = dict[str, Any]

#: the metrics that status.json repeats, so that a listing of many runs reads one small file each
HEADLINE = (
    "test_error_rate",
    "mutual_information_expert_label_bits",
    "information_per_usage",
    "sample_entropy_bits",
    "usage_entropy_bits",
    "dead_experts",
)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The root of a config: a group each, and what concerns them all.

    k:          experts selected for a sample; null: what the gate takes.
    seed:       of initialization, order of samples and noise.
    seed_init:  of initialization alone; null: seed.
    seed_order: of the order of samples alone; null: seed.
    device:     "auto" is CUDA where there is one, else the CPU; "mps" only by name.
    """

    dataset: Dataset
    experts: Experts
    gate: Gate
    objective: Objective
    trainer: Trainer
    regularizers: dict[str, Regularizer] = field(default_factory=dict)
    k: Count | None = None
    seed: Seed = 0
    seed_init: Seed | None = None
    seed_order: Seed | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


@dataclass(frozen=True)
class Job:
    """A config that has passed every check: plain values, k and the rule of combination filled in.

    ``choices`` are the options taken of each group, ``differs`` what is not the default.
    """

    config: Config
    choices: dict[str, str | list[str]]
    differs: Config

    @property
    def key(self) -> str:
        return config_key(self.config)


def prepare(words: Sequence[str], config_dir: Path | None = None, plugins: Sequence[str] = ()) -> Job:
    """Compose ``words``, check every value and how the parts fit each other. Writes nothing.

    Raises ConfigError, and DataError where a user's data file cannot be described.
    """
    config = compose(words, config_dir)
    check(config, Experiment, plugins)
    differs = differences(config, compose([], config_dir), config_dir)
    return Job(resolve(config), choices(words, config_dir), differs)


def resolve(config: Config) -> Config:
    """The same config with what parts decide filled in: ``k`` and ``gate.combine``. Raises ConfigError."""
    shape, class_names = build(config["dataset"]).describe()
    _device(config)
    gate = build_learner(config, shape, len(class_names), seed_init=0).mixture.gate
    k = sizes_of(config, shape, len(class_names)).k
    return {**config, "k": k, "gate": {**config["gate"], "combine": combine_rule(gate)}}


def load_data(config: Config) -> Data:
    """The config's data set on its device. Raises DataError with the command that mends it."""
    return build(config["dataset"]).load().to(_device(config))


def seeds_of(config: Config) -> Seeds:
    seed = config["seed"]
    init, order = (seed if config[name] is None else config[name] for name in ("seed_init", "seed_order"))
    return Seeds(init, order, seed)


def learner_of(config: Config, data: Data) -> Learner:
    """A freshly initialized learner on the data's device."""
    learner = build_learner(config, data.shape, data.classes, seeds_of(config).init)
    return learner.to(data.train.x_ND.device)


def run(
    job: Job, folder: Path, data: Data, *, watch: Watch | None = None, stop_asked: StopAsked = lambda: False
) -> None:
    """Train, evaluate and measure one job into ``folder``, a fresh folder that the caller has claimed.

    The status tells how it ended. Raises Stopped where a stop was asked for (state saved), Diverged where the loss is
    no number any more, and whatever else went wrong (status failed).
    """
    status = StatusFile(folder, key=job.key, choices=job.choices, differs=job.differs, headline={})
    with _log(folder) as log:
        _write_config(job, folder)
        status.start()
        try:
            _settle(job.config)
            loop = _loop(job, data, watch or Watch(), stop_asked)
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


def _loop(job: Job, data: Data, watch: Watch, stop_asked: StopAsked) -> Loop:
    trainer = build(job.config["trainer"])
    loop = Loop(learner_of(job.config, data), data, trainer, seeds_of(job.config), watch, stop_asked)
    watch.begin(trainer.epochs, loop.batches)
    return loop


def _train(loop: Loop, folder: Path, job: Job, status: StatusFile, log: logging.Logger) -> None:
    saved = time.monotonic()
    while not loop.finished:
        row = loop.epoch()
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


def _device(config: Config) -> torch.device:
    """Raises ConfigError where the device is not there."""
    name = config["device"]
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise ConfigError(f"device={name}: torch finds none on this machine; take device=auto or device=cpu")
    return torch.device(name)


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
