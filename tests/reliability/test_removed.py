"""Folders that are removed while a sweep goes on: the others are done, and what is missing is named or made again."""

import shutil

import pytest

from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.processes import Processes
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.launchers.stacked import Stacked
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import SweepWatch, run_sweep

WORDS = ["seed=0,1,2", "trainer.epochs=1", "trainer.limit_batches=2"]


class Removes(SweepWatch):
    """Before the first job is begun: removes the folder of the last."""

    def __init__(self, folder) -> None:
        self._folder = folder

    def begin(self, outcomes, read) -> None:
        shutil.rmtree(self._folder / "jobs" / outcomes[-1].name)


@pytest.mark.parametrize(
    "launcher", [Serial(), Processes(workers=1), Stacked()], ids=["serial", "processes", "stacked"]
)
def test_the_folder_of_a_planned_job_is_made_again(tmp_path, launcher):
    outcomes = run_sweep(plan(WORDS), tmp_path, launcher, watch=Removes(tmp_path))
    assert [one.state for one in outcomes] == ["finished"] * 3
    assert all(Run(SweepFolder(tmp_path).job(one.name)).metrics for one in outcomes)


def test_a_job_whose_folder_is_removed_while_it_trains_is_named_and_the_others_are_done(tmp_path):
    asked = iter(range(10**9))
    made = plan(WORDS)
    second = tmp_path / "jobs" / made.jobs[1].name

    def looks_and_removes() -> bool:
        if next(asked) >= 0 and second.exists() and Run(second).status["status"] == "running":
            shutil.rmtree(second)
        return False

    outcomes = run_sweep(made, tmp_path, Serial(), stop_asked=looks_and_removes)
    assert [one.state for one in outcomes] == ["finished", "lost", "finished"]
    assert outcomes[1].reason == f"{second} was removed while the sweep was running"
    # a sweep that is resumed does it again
    assert [one.state for one in run_sweep(made, tmp_path, Serial())] == ["finished"] * 3
