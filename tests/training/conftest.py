import numpy as np
import pytest
import torch

from moe_lab.data.dataset import Data, Split
from moe_lab.experiment.building import build_learner
from moe_lab.training.learner import Learner
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Watch
from tests.composing import composed


def split(samples: int, seed: int) -> Split:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 12, generator=draw)
    return Split(x, x[:, :4].argmax(-1), torch.arange(samples))


@pytest.fixture
def data() -> Data:
    """Three classes more than a line can tell apart: the class is the largest of four normal numbers."""
    splits = [split(samples, seed) for seed, samples in enumerate((90, 20, 30))]
    return Data(*splits, (1, 3, 4), ("a", "b", "c", "d"), {"class": splits[2].y_N.numpy()})


@pytest.fixture
def empty() -> Split:
    return Split(torch.empty(0, 12), torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64))


@pytest.fixture
def learner_of():
    def make(*words: str, seed: int = 0) -> Learner:
        return build_learner(composed("experts.count=5", "experts.hidden=6", *words), (1, 3, 4), 4, seed)

    return make


@pytest.fixture
def loop_of(learner_of, data):
    """A Loop over small data; words choose the parts, options the trainer."""

    def make(*words, data_=None, watch=None, pause_asked=lambda: False, seeds=None, **options) -> Loop:
        trainer = Trainer(**{"epochs": 3, "batch_size": 32, **options})
        member = Member(learner_of(*words), trainer, seeds or Seeds(0, 0, 0))
        return Loop([member], data_ or data, watch or Watch(), pause_asked)

    return make


class After(Watch):
    """Asks for a pause once, after a number of steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def batch(self, epoch, batch, loss):
        self._left -= 1

    def __call__(self) -> bool:
        return self._left == 0


@pytest.fixture
def after():
    return After


@pytest.fixture
def same():
    """Whether two nested states are equal to the bit."""

    def equal(a, b) -> bool:
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
        if isinstance(a, list | tuple):
            return len(a) == len(b) and all(map(equal, a, b))
        if isinstance(a, torch.Tensor):
            return torch.equal(a, b)
        if isinstance(a, np.ndarray):
            return np.array_equal(a, b)
        return a == b

    return equal
