"""Sweeps, killed at seeded changes of their folder, under every launcher of one machine."""

import os
import random
import signal
import time

import pytest

from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.processes import Processes
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.launchers.stacked import Stacked
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import run_sweep

WORDS = ["gate=noisy_top_k", "seed_order=0", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]


class StackedHere(Stacked):
    """Stacks, in this process, so that it is what dies."""

    launch = Serial.launch


LAUNCHERS = {"serial": Serial(), "stacked": StackedHere(workers=1, runs=2)}


@pytest.fixture(scope="module")
def jobs():
    """Two that train for one epoch and two for two, so that in a stack some are done before others."""
    return plan([*WORDS, "seed=0,1", "trainer.epochs=1,2"])


@pytest.fixture(scope="module", params=LAUNCHERS)
def sweep(request, jobs):
    """Does the sweep in a folder, or goes on with it; says what became of it."""
    return lambda folder: [one.state for one in run_sweep(jobs, folder, LAUNCHERS[request.param])]


@pytest.fixture(scope="module")
def undisturbed(sweep, changes, contents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    count = changes(lambda: sweep(folder))
    return contents(folder), count


def finished(folder):
    return [path.parent for path in folder.glob("jobs/*/status.json") if Run(path.parent).finished]


def test_a_killed_sweep_goes_on_to_the_same_bits(sweep, undisturbed, killed_at, contents, stamps, fresh):
    expected, count = undisturbed
    draw = random.Random(0)
    for number in sorted(draw.sample(range(1, count), 5)):
        folder = fresh()
        assert killed_at(number, lambda folder=folder: sweep(folder)), number
        # a second time, on the way on
        killed_at(draw.randint(1, 60), lambda folder=folder: sweep(folder))
        done = finished(folder)
        before = [stamps(one) for one in done]
        assert sweep(folder) == ["finished"] * 4
        assert contents(folder) == expected, number
        # what had finished is what it was, to the time of its last change
        assert [stamps(one) for one in done] == before


def test_nothing_is_trained_twice(sweep, fresh, monkeypatch):
    folder = fresh()
    sweep(folder)
    monkeypatch.setattr("moe_lab.sweeps.work.Work.__call__", lambda *_: pytest.fail("trained twice"))
    assert sweep(folder) == ["finished"] * 4


def test_stacks_are_kept_together_whatever_was_finished_before(jobs, fresh):
    """Two workers would share what is left out anew; the last bits depend on how many runs are in a stack."""
    folder = fresh()
    first = StackedHere(workers=1, runs=4).tasks(jobs.jobs, jobs, SweepFolder(folder))
    assert [len(one.jobs) for one in first] == [4]
    for task in first:
        SweepFolder(folder).begin_stack(task.stack, [one.name for one in task.jobs])
    assert StackedHere(workers=2, runs=4).tasks(jobs.jobs[1:], jobs, SweepFolder(folder)) == first
    # who asks for smaller stacks gets them, as long as there is nothing to lose
    smaller = StackedHere(workers=1, runs=2).tasks(jobs.jobs, jobs, SweepFolder(folder))
    assert [len(one.jobs) for one in smaller] == [2, 2]


WORKERS = {"serial": Processes(workers=1), "stacked": Stacked(workers=1, runs=2)}


@pytest.mark.slow
@pytest.mark.parametrize("sweep", WORKERS, indirect=True)
def test_a_command_killed_while_its_worker_trains_goes_on(request, sweep, undisturbed, jobs, child, contents, fresh):
    """kill -9 of the command as soon as anything has been saved: its worker finds that it is alone, and stops."""
    launcher = WORKERS[request.node.callspec.params["sweep"]]
    folder = fresh()
    command = child(lambda: run_sweep(jobs, folder, launcher))
    while not any(folder.rglob("checkpoint.pt")):
        time.sleep(0.01)
    os.kill(command.pid, signal.SIGKILL)
    assert command.ended() == -signal.SIGKILL
    assert [one.state for one in run_sweep(jobs, folder, launcher)] == ["finished"] * 4
    assert contents(folder) == undisturbed[0]
