"""Target 1: the reference's MNIST networks with ten experts.

An epoch of four minibatches of 512 images with Adam, without and with the sample-similarity regularizer in the form
that the reference computes, against the textbook's loop over the same computation.
"""

from collections.abc import Callable, Iterator

import torch

from benchmarks.problems import PAPER_MNIST, REFERENCE_SIMILARITY, images, training
from benchmarks.rows import Row
from benchmarks.textbook import TextbookTraining, mnist_mixture
from benchmarks.timing import interleaved
from moe_lab.data.dataset import Data

EXPERTS, BATCH, BATCHES = 10, 512, 4
#: overrides of moe-lab, betas of the textbook, least, aim
CASES = {
    "without a regularizer": ((), (0.0, 0.0), 5.0, 8.0),
    "with sample similarity": (REFERENCE_SIMILARITY, (1e-6, 1e-3), 15.0, 25.0),
}


def rows(quick: bool) -> Iterator[Row]:
    data = images(BATCHES * BATCH)
    for name, (words, betas, least, aim) in CASES.items():
        textbook = TextbookTraining(mnist_mixture(EXPERTS), data.classes, *betas)
        own = training((*PAPER_MNIST, f"experts.count={EXPERTS}", *words), data)
        seconds = interleaved({"textbook": epoch_of(textbook, data), "own": own.epoch}, rounds=3 if quick else 20)
        yield Row("1", f"{name}, E={EXPERTS}, batch {BATCH}", seconds["textbook"] / seconds["own"], least, aim)


def epoch_of(training: TextbookTraining, data: Data) -> Callable[[], None]:
    """The textbook's loop over the training split in random order."""
    x, t = data.train.x_ND.unflatten(-1, data.shape), data.train.y_N

    def epoch() -> None:
        for index in torch.randperm(len(t)).split(BATCH):
            training.step(x[index], t[index])

    return epoch
