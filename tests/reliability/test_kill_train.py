"""One run, killed at every single change that it makes to its folder."""

import itertools
import random

import pytest

from moe_lab import experiment, job
from moe_lab.store.run import Run

WORDS = ["gate=noisy_top_k", "trainer.epochs=2", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]


@pytest.fixture(scope="module")
def train():
    """Trains the same job into a folder, or goes on with it."""
    made = job.prepare(WORDS)
    data = job.load_data(made.config)
    return lambda folder: experiment.run(made, folder, data, resume=True)


@pytest.fixture(scope="module")
def undisturbed(train, contents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    train(folder)
    return contents(folder)


def test_a_run_killed_at_any_change_goes_on_to_the_same_bits(train, undisturbed, killed_at, contents, fresh):
    for number in itertools.count(1):
        folder = fresh()
        if not killed_at(number, lambda folder=folder: train(folder)):
            break
        if (folder / "status.json").exists():
            assert Run(folder).status["status"] == "lost", number
        train(folder)
        assert contents(folder) == undisturbed, number
    # every file, and a checkpoint a step
    assert number > 30


def test_a_run_killed_again_and_again_goes_on_to_the_same_bits(train, undisturbed, killed_at, contents, fresh):
    draw, folder, kills = random.Random(0), fresh(), 0
    while killed_at(draw.randint(2, 12 + kills), lambda: train(folder)):
        kills += 1
    assert kills > 2 and contents(folder) == undisturbed
