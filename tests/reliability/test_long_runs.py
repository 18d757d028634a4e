"""Memory and open files over many epochs and many runs: what one takes is given back before the next. The short forms
are for every day, the long ones for `make soak`."""

import gc
import os
from pathlib import Path

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.reports import ArmsReport
from moe_lab.store.run import find_runs
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import SweepWatch, run_sweep
from moe_lab.training.watch import Watch

PAGE = os.sysconf("SC_PAGE_SIZE")


def memory() -> int:
    """Bytes of this process that are in memory and are its own."""
    gc.collect()
    resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - shared) * PAGE


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Look(Watch):
    """Memory after every ``every``-th epoch."""

    def __init__(self, every: int) -> None:
        self.seen: list[int] = []
        self._every = every

    def epoch(self, row):
        if row["epoch"] % self._every == 0:
            self.seen.append(memory())


def train(folder: Path, epochs: int) -> list[int]:
    made = job.prepare([f"trainer.epochs={epochs}", "trainer.limit_batches=1", "trainer.checkpoint_seconds=1"])
    look = Look(epochs // 10)
    experiment.run(made, folder, load_data(made.config), watch=look)
    return look.seen


def check_flat(seen: list[int]) -> None:
    """After a fifth of the way nothing grows by more than the rows of the history, a few KB an epoch."""
    assert max(seen[2:]) - seen[1] < 20e6, [one // 1000 for one in seen]


def sweep(folder: Path, runs: int) -> tuple[list[int], list[int]]:
    """Memory and open files after each of so many runs."""
    seen, opened = [], []

    class LookAfter(SweepWatch):
        def ended(self, outcome):
            assert outcome.state == "finished", outcome.reason
            seen.append(memory())
            opened.append(files())

    words = ["dataset=toy_circles", "dataset.samples=200", "trainer.epochs=1", "trainer.limit_batches=1"]
    run_sweep(plan([*words, f"seed=range(0,{runs})"]), folder, Serial(), watch=LookAfter())
    return seen, opened


def report(folder: Path) -> None:
    """The report of every run in a folder gives its files back, but for matplotlib's fonts, which it opens once, and
    never takes more than 1 MB a run."""
    runs, before, opened = find_runs(folder), memory(), []
    # from now on the peak is that of the reports
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(2):
        ArmsReport(runs).write(lambda: folder)
        gc.collect()
        opened.append(files())
    assert opened[0] == opened[1], opened
    assert peak() - before < 200e6 + len(runs) * 1e6, (before, peak(), len(runs))


def peak() -> int:
    """Bytes of this process that have been in memory at one time."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def test_memory_is_flat_over_epochs(tmp_path):
    check_flat(train(tmp_path, 60))


def test_memory_and_open_files_are_flat_over_runs(tmp_path):
    before = files()
    seen, opened = sweep(tmp_path, 12)
    # the lock of the sweep and the claim of the job may be open when it is looked at
    assert max(opened) <= before + 2 and files() == before, opened
    check_flat(seen)
    report(tmp_path)


@pytest.mark.soak
def test_memory_is_flat_over_500_epochs(tmp_path):
    check_flat(train(tmp_path, 500))


@pytest.mark.soak
def test_memory_and_open_files_are_flat_over_1000_runs(tmp_path):
    before = files()
    seen, opened = sweep(tmp_path, 1000)
    assert max(opened) <= before + 2 and files() == before
    check_flat(seen[:: len(seen) // 10])
    report(tmp_path)
