"""The launchers of one machine: the same jobs, the same bytes; what is stacked; a worker that dies."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from moe_lab.errors import ConfigError
from moe_lab.store.run import Run
from moe_lab.sweeps import stacks as stacks_module
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.processes import Processes
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.launchers.stacked import Stacked
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import run_sweep
from moe_lab.sweeps.settings import settings, split
from moe_lab.sweeps.stacks import Kind, gain, stacks


@pytest.fixture(scope="module")
def serial(small, tmp_path_factory) -> Path:
    """The small sweep, one job after the other."""
    folder = tmp_path_factory.mktemp("serial")
    assert all(one.state == "finished" for one in run_sweep(small, folder, Serial()))
    return folder


def test_serial_leaves_run_folders(serial, small):
    for planned in small.jobs:
        run = Run(serial / "jobs" / planned.name)
        assert run.config == planned.job.config and run.status["key"] == planned.job.key
        assert not (run.path / "report.html").exists()
    assert not (serial / "stacks").exists()


def test_processes_write_the_same_bytes_and_one_that_dies_takes_only_its_job(serial, small, folder, same_bytes):
    """The worker of the first job is killed as soon as it says that it runs."""
    victim = folder / "jobs" / small.jobs[0].name

    def kill():
        while not (victim / "status.json").exists() or (status := Run(victim).status)["status"] == "planned":
            time.sleep(0.01)
        os.kill(status["pid"], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    outcomes = run_sweep(small, folder, Processes(workers=2))
    thread.join()
    assert [one.state for one in outcomes] == ["lost", "finished", "finished", "finished"]
    assert "its worker died" in outcomes[0].reason
    pids = {Run(folder / "jobs" / one.name).status["pid"] for one in small.jobs[1:]}
    assert os.getpid() not in pids
    assert all(one.state == "finished" for one in run_sweep(small, folder, Serial()))
    for planned in small.jobs:
        same_bytes(folder / "jobs" / planned.name, serial / "jobs" / planned.name)


def test_stacked_trains_jobs_of_one_structure_as_one(small, folder, monkeypatch):
    """In this process: the work is what is tested here, and the worker processes above."""
    monkeypatch.setattr(Stacked, "launch", Serial.launch)
    outcomes = run_sweep(small, folder, Stacked(workers=1))
    assert [one.state for one in outcomes] == ["finished"] * 4
    for planned in small.jobs:
        assert Run(folder / "jobs" / planned.name).environment["stacked_runs"] == 2
    assert not (folder / "stacks").exists()


def test_a_stack_goes_on_as_it_was(small, folder, monkeypatch):
    sweep = SweepFolder(folder)
    launcher = Stacked(workers=1)
    [first, second] = launcher.tasks(small.jobs, small, sweep)
    assert [len(one.jobs) for one in (first, second)] == [2, 2] and first.stack != second.stack
    sweep.begin_stack(first.stack, [one.name for one in first.jobs])
    (folder / "stacks" / first.stack / "checkpoint.pt").write_bytes(b"there")
    # one job of it has ended: the stack is taken up whole, and the rest is grouped anew
    assert launcher.tasks(small.jobs[1:], small, sweep) == [first, second]
    # what a stranger wrote is not believed
    (folder / "stacks" / first.stack / "stack.json").write_text('["../../x"]')
    assert [len(one.jobs) for one in launcher.tasks(small.jobs[1:], small, sweep)] == [1, 2]


def test_structures_and_orders(monkeypatch):
    """Where every stack of two and more gains as much, those of one order come first."""
    monkeypatch.setattr(stacks_module, "gain", lambda _, runs, shared: min(runs, 1.5))
    words = ["regularizer=[importance]", "regularizers.importance.weight=0.1,0.2", "trainer.lr=1e-3,1e-2", "seed=0,1"]
    jobs = plan([*words, "trainer.batch_size=64,32"]).jobs
    found = list(stacks(jobs, workers=2, most=16))
    # one stack a batch size and order of samples; weights, rates and seeds are numbers
    assert [len(one) for one in found] == [4, 4, 4, 4]
    for stack in found:
        assert len({(one.job.config["trainer"]["batch_size"], one.job.config["seed"]) for one in stack}) == 1
    # where every order is there once, several orders make a stack, and every worker has one
    alike = [one for one in jobs if {"regularizers.importance.weight=0.1", "trainer.lr=0.001"} < set(one.words)]
    assert [len(one) for one in stacks(alike, workers=1, most=16)] == [2, 2]
    assert [len(one) for one in stacks(alike, workers=2, most=16)] == [1, 1, 1, 1]
    # at most three: 3 + 1 of either order cost 2 * (3 / 1.5 + 1) = 6, 2 + 2 and also 3 + 3 + 2 of any order 8 / 1.5
    assert [len(one) for one in stacks(jobs, workers=2, most=3)] == [2, 2, 2, 2] * 2


def test_larger_stacks_of_several_orders_where_they_cost_less(monkeypatch):
    """Ten seeds of two weights: 20 / 1.2 = 16.7 by twos of one order, 20 / 2 = 10 by tens of any."""
    monkeypatch.setattr(stacks_module, "gain", lambda _, runs, shared: 1.2 if shared else runs / 5)
    jobs = plan(["regularizer=[importance]", "regularizers.importance.weight=0.1,0.2", "seed=range(0,10)"]).jobs
    assert [len(one) for one in stacks(jobs, workers=2, most=16)] == [10, 10]
    assert [len(one) for one in stacks(jobs, workers=5, most=16)] == [2] * 10


def test_a_stack_is_as_large_as_pays_best(monkeypatch):
    """Eight runs of one order: 8 / .9 by eight is worse than alone, 8 / 1.25 by four, 8 / 1.1 by twos."""
    monkeypatch.setattr(stacks_module, "gain", lambda _, runs, shared: {2: 1.1, 4: 1.25}.get(runs, 0.9))
    jobs = plan(["trainer.lr=1e-4,2e-4,3e-4,4e-4,5e-4,6e-4,7e-4,8e-4"]).jobs
    assert [len(one) for one in stacks(jobs, workers=1, most=16)] == [4, 4]


def test_no_worker_is_left_without_a_stack(monkeypatch):
    """Eight runs of one order in one stack would leave the second worker nothing."""
    monkeypatch.setattr(stacks_module, "gain", lambda _, runs, shared: runs)
    jobs = plan(["trainer.lr=1e-4,2e-4,3e-4,4e-4,5e-4,6e-4,7e-4,8e-4"]).jobs
    assert [len(one) for one in stacks(jobs, workers=2, most=16)] == [4, 4]


def test_a_stack_that_does_not_pay_is_none(small, monkeypatch):
    monkeypatch.setattr(stacks_module, "gain", lambda *_: 1.0)
    assert [len(one) for one in stacks(small.jobs, workers=1, most=16)] == [1] * 4


def test_the_table_knows_small_models_and_devices_that_were_not_measured():
    assert gain(Kind("cpu", 64, 6375), 16, True) > 1 and gain(Kind("cuda", 64, 10**7), 2, False) == 2


def test_words_of_the_sweep_are_no_words_of_jobs():
    words = ["launcher=processes", "gate=softmax", "launcher.workers=3"]
    assert split(words) == (["gate=softmax"], ["launcher=processes", "launcher.workers=3"])
    assert isinstance(settings([]).launcher, Processes) and isinstance(settings(["launcher=serial"]).launcher, Serial)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["launcher=slrum"], "no launcher named 'slrum'"),
        (["launcher.workres=3"], "Did you mean launcher.workers?"),
        (["launcher.workers=0"], "launcher.workers=0: must be"),
        (["launcher=serial,processes"], "write KEY=VALUE"),
        (["launcher._target_=os.system"], "names no part of moe_lab"),
        (["~launcher"], "write KEY=VALUE"),
    ],
)
def test_a_wrong_word_of_the_sweep(words, text):
    with pytest.raises(ConfigError, match=text):
        settings(words)
