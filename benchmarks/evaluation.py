"""Target 7: evaluation and metrics under 10 % of the training time of a default run.

Training is all epochs' steps. Evaluation is that of the validation split after every epoch, that of the test split at
the end (predictions, interventions, references and similarities), and all metrics. 10 % of the first
over the second: a ratio of 1 is 10 %, of 2 it is 5 %.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from benchmarks.problems import PAPER_MNIST, images, training
from benchmarks.rows import Row
from benchmarks.timing import interleaved
from moe_lab.config.build import build
from moe_lab.data.dataset import Data, Split
from moe_lab.evaluation.closer import look_closer
from moe_lab.evaluation.evaluate import evaluate
from moe_lab.experiment.job import prepare
from moe_lab.experiment.models import learner_of
from moe_lab.layers.noise import Noise
from moe_lab.metrics import RunArrays, compute
from moe_lab.training.loop import Loop
from moe_lab.training.validation import evaluate_split

SHARE = 0.1


@dataclass(frozen=True)
class Run:
    """Overrides of a run, its data, epochs and batch size; ``sample``: overrides that shorten the measured epoch."""

    words: tuple[str, ...]
    data: Data
    epochs: int
    batch: int
    sample: tuple[str, ...] = ()


def runs(quick: bool) -> Iterator[tuple[str, Run]]:
    config = prepare([]).config
    trainer = config["trainer"]
    yield "digits, the default run", Run((), build(config["dataset"]).load(), trainer["epochs"], trainer["batch_size"])
    one = images(70_000)
    mnist = replace(one, train=part(one, 0, 54_000), validation=part(one, 54_000, 60_000), test=part(one, 60_000, None))
    words = (*PAPER_MNIST, "experts.count=5")
    yield "the paper's MNIST run", Run(words, mnist, 20, 512, (f"trainer.limit_batches={4 if quick else 10}",))


def part(data: Data, start: int, end: int | None) -> Split:
    one = data.train
    return Split(one.x_ND[start:end], one.y_N[start:end], one.index_N[start:end])


def rows(quick: bool) -> Iterator[Row]:
    for name, run in runs(quick):
        loop = training((*run.words, *run.sample), replace(run.data, validation=part(run.data, 0, 0)))
        seconds = interleaved({"epoch": loop.epoch, **looks(loop, run)}, rounds=3 if quick else 10)
        batches = -(-len(run.data.train) // run.batch)
        steps = run.epochs * batches * seconds["epoch"] / loop.batches_an_epoch
        evaluation = run.epochs * seconds["validation"] + seconds["test and metrics"]
        yield Row("7", f"{name}, {run.epochs} epochs", SHARE * steps / evaluation, 1.0, 1.0)


def looks(loop: Loop, run: Run) -> dict[str, Callable[[], None]]:
    """Evaluation of the validation split after an epoch, and of the test split at the end with all metrics."""
    noise, config = Noise([torch.Generator()]), prepare(run.words).config

    def validation() -> None:
        evaluate_split(loop.learner, run.data.validation, noise, run.batch)

    def test() -> None:
        files = evaluate(loop.learner.mixture, run.data, noise, run.batch)
        untrained = learner_of(config, run.data).mixture
        for name, arrays in look_closer(loop.learner.mixture, untrained, run.data, noise, run.batch).items():
            files[name] = files.get(name, {}) | arrays
        compute(RunArrays.from_files(files, loop.state.records[0].history))

    return {"validation": validation, "test and metrics": test}
