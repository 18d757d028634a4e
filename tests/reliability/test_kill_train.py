"""One run, killed at every single change that it makes to its folder."""

import itertools
import random
import shutil

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.reports import write_run_report
from moe_lab.store.run import Run

WORDS = ["gate=noisy_top_k", "trainer.epochs=2", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]


@pytest.fixture(scope="module")
def train():
    """Trains the same job into a folder, or goes on with it."""
    made = job.prepare(WORDS)
    data = load_data(made.config)
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


def test_a_report_that_is_broken_off_is_written_again(train, killed_at, contents, stamps, fresh, cli):
    """The run has finished, so that there is nothing to go on with: it says what to do."""
    # a report tells the name of its run
    whole, folder = fresh() / "run", fresh() / "run"
    whole.mkdir()
    train(whole)
    shutil.copytree(whole, folder)
    write_run_report(Run(whole))
    before = stamps(folder)
    assert killed_at(9, lambda: write_run_report(Run(folder))) and not (folder / "report.html").exists()
    refused = cli("train", "--resume", folder)
    assert refused.code == 2 and f"is finished: write its report with `moe-lab report {folder}`, or" in refused.err
    assert cli("report", folder).code == 0
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    assert contents(folder) == contents(whole)
