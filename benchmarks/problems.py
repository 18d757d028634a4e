"""Training runs for several targets, on random images in memory."""

from collections.abc import Sequence

import torch

from moe_lab.config.build import build
from moe_lab.data.dataset import Data, Split
from moe_lab.experiment.inputs import seeds_of
from moe_lab.experiment.job import prepare
from moe_lab.experiment.machine import settle
from moe_lab.experiment.models import learner_of
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member
from moe_lab.training.watch import Watch

#: the networks of the paper's table for MNIST, of its size (docs/studies) with Adam's default learning rate of 1e-3
PAPER_MNIST = ("dataset=mnist", "experts=paper_mnist", "gate/score/body=paper_mnist", "trainer.batch_size=512")
REFERENCE_SIMILARITY = (
    "regularizer=[sample_similarity]",
    "regularizers.sample_similarity.form=reference",
    "regularizers.sample_similarity.beta_s=1e-6",
    "regularizers.sample_similarity.beta_d=1e-3",
)


def images(samples: int, shape: tuple[int, ...] = (1, 28, 28), classes: int = 10) -> Data:
    """Random normalized images and labels, from a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    x_ND = torch.randn(samples, torch.Size(shape).numel(), generator=generator)
    y_N = torch.randint(classes, (samples,), generator=generator)
    train, none = Split(x_ND, y_N, torch.arange(samples)), Split(x_ND[:0], y_N[:0], torch.arange(0))
    names = tuple(str(number) for number in range(classes))
    return Data(train=train, validation=none, test=train, shape=shape, class_names=names, attributes={})


def training(words: Sequence[str], data: Data, runs: int = 1, shared: bool = True) -> Loop:
    """A new training loop of moe-lab for a config, on ``data`` in place of its data set.

    Several runs are stacked with their own seeds, and share the minibatches or draw their own.
    """
    config, members = prepare([*words, "trainer.epochs=1000000"]).config, []
    settle(config)
    for seed in range(runs):
        own = {**config, "seed": seed, "seed_order": 0 if shared else seed}
        members.append(Member(learner_of(own, data), build(own["trainer"]), seeds_of(own)))
    return Loop(members, data, Watch(), lambda: False)
