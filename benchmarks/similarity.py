"""Target 3: the similarity regularizer at most 5 % of a step.

The regularizer alone, forward and backward to the gate's probabilities, on a minibatch of 512 images and ten experts,
against 5 % of a whole training step of the paper's MNIST networks with it: a ratio of 1 is 5 %, of 2 it is 2.5 %.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from benchmarks.problems import PAPER_MNIST, REFERENCE_SIMILARITY, images, training
from benchmarks.rows import Row
from benchmarks.timing import interleaved
from moe_lab.data.dataset import Data
from moe_lab.layers.noise import Noise
from moe_lab.training.loop import Loop

EXPERTS, BATCH, BATCHES = 10, 512, 4
SHARE = 0.05
FORMS = {
    "squared distances (default)": ("regularizer=[sample_similarity]",),
    "Euclidean distances (reference)": REFERENCE_SIMILARITY,
}


def rows(quick: bool) -> Iterator[Row]:
    data = images(BATCHES * BATCH)
    for name, words in FORMS.items():
        loop = training((*PAPER_MNIST, f"experts.count={EXPERTS}", *words), data)
        cases = {"step": loop.epoch, "regularizer": regularizer_alone(loop, data)}
        seconds = interleaved(cases, rounds=5 if quick else 40)
        ratio = SHARE * seconds["step"] / BATCHES / seconds["regularizer"]
        yield Row("3", f"{name}, E={EXPERTS}, batch {BATCH}", ratio, 1.0, 1.0)


def regularizer_alone(loop: Loop, data: Data) -> Callable[[], None]:
    """Forward and backward of a loop's only regularizer on its gate's output for the first minibatch."""
    mixture, (regularizer,) = loop.learner.mixture, loop.learner.regularizers.values()
    x_BD, y_B = data.train.x_ND[:BATCH], data.train.y_N[:BATCH]
    noise = Noise([torch.Generator()])
    with torch.no_grad():
        output = mixture(x_BD, noise)
    probs_BE = output.routing.probs_BE.requires_grad_()
    output = replace(output, routing=replace(output.routing, probs_BE=probs_BE, weights_BE=probs_BE))
    step = mixture.step(x_BD, y_B, output, noise)

    def alone() -> None:
        probs_BE.grad = None
        regularizer(step).backward()

    return alone
