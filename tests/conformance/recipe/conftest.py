"""Small trainings led by a recipe, in memory."""

import copy

import pytest
import torch
import yaml

from moe_lab.config.build import build
from moe_lab.config.sources import open_sources
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Watch

#: two batches of 32 and one of 26 an epoch
BATCH = 32


@pytest.fixture
def recipe_of():
    """A recipe by its name in conf/recipe, with some options changed."""
    return lambda name, **options: build({**open_sources().node("recipe", name), **options})


@pytest.fixture
def loop_of(learner_of, small_data):
    """A loop of one run, or of a stack with a seed and trainer's numbers each."""

    def make(recipe, *words, runs=({},), seeds=None, watch=None, pause_asked=lambda: False, **options) -> Loop:
        members = [
            Member(
                learner_of(*words, seed=run),
                Trainer(**{"epochs": 4, "batch_size": BATCH, "lr": 1e-2, **options, **own}),
                Seeds(run, run, run),
            )
            for run, own in enumerate(runs)
        ]
        members = members if seeds is None else [members[run] for run in seeds]
        return Loop(members, small_data, watch or Watch(), pause_asked, recipe)

    return make


@pytest.fixture
def run_of(learner_of, tmp_path):
    """The folder of a run, as far as a recipe reads it, whose learner is as it was initialized."""

    def make(*words, seed=7, classes=None):
        learner = learner_of(*words, seed=seed)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({"experts": {}, "classes": classes}))
        torch.save({"learner": learner.state_dict()}, tmp_path / "checkpoint.pt")
        return str(tmp_path), learner

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
def trained():
    def train(loop: Loop) -> Loop:
        while not loop.finished:
            loop.epoch()
        return loop

    return train


@pytest.fixture
def broken_off(trained):
    """The states of an unbroken run, and of one that was paused after some steps and restored in another loop."""

    def states(make, steps: int):
        pause = After(steps)
        paused = make(watch=pause, pause_asked=pause)
        while paused.epoch():
            pass
        resumed = make()
        resumed.load_state_dict(copy.deepcopy(paused.state_dict()))
        return [_without_clock(trained(loop).state_dict()) for loop in (make(), resumed)]

    return states


def _without_clock(state):
    for record in state["records"]:
        record.pop("timing")
    return {**state, "seconds": 0.0}


@pytest.fixture
def same():
    """Whether two nested states are equal to the bit."""

    def equal(a, b) -> bool:
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
        if isinstance(a, list | tuple):
            return len(a) == len(b) and all(map(equal, a, b))
        return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b

    return equal
