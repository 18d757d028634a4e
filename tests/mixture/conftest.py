"""Small data and a small learner, for tests that train."""

import pytest
import torch

from moe_lab.data.dataset import Data, Split
from moe_lab.experiment.building import build_learner
from tests.composing import composed


@pytest.fixture
def data():
    """In double precision, as the learners that are trained on it."""

    def split(samples, seed):
        x = torch.randn(samples, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return Split(x, x[:, :4].argmax(-1), torch.arange(samples))

    splits = [split(samples, seed) for seed, samples in enumerate((30, 6, 6))]
    return Data(*splits, (1, 3, 4), ("a", "b", "c", "d"), {"class": splits[2].y_N.numpy()})


@pytest.fixture
def learner():
    """Builds a learner for ``data``, of 5 small experts."""

    def build(*words, dispatch="dense"):
        small = ["experts.count=5"] + ([] if any(word == "experts=linear" for word in words) else ["experts.hidden=6"])
        return build_learner(composed(*small, f"trainer.dispatch={dispatch}", *words), (1, 3, 4), 4, 0)

    return build
