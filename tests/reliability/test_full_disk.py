"""Writes that fail: the last good state survives, the status says why, and with room again the run ends as if nothing
had been."""

import errno
import os
import random
import resource
import subprocess
import tempfile
from contextlib import suppress

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store import checkpoint
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import run_sweep
from moe_lab.training.watch import Stopped

WORDS = ["trainer.epochs=2", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]
FULL = "No space left on device"


@pytest.fixture(scope="module")
def train():
    """Trains the same job into a folder, or goes on with it."""
    made = job.prepare(WORDS)
    data = load_data(made.config)
    return lambda folder, **options: experiment.run(made, folder, data, resume=True, **options)


@pytest.fixture(scope="module")
def undisturbed(train, contents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    train(folder)
    return contents(folder)


@pytest.fixture
def full_after(monkeypatch):
    """After so many more files there is no room for another one; with None there is again."""

    def begin(files):
        if files is None:
            return monkeypatch.undo()
        left, make = iter(range(files)), tempfile.mkstemp

        def full(*arguments, **options):
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, FULL)
            return make(*arguments, **options)

        monkeypatch.setattr(tempfile, "mkstemp", full)

    return begin


@pytest.mark.parametrize("files", range(3, 30, 3))
def test_a_disk_that_is_full_at_any_file(train, undisturbed, contents, fresh, full_after, capfd, files):
    folder = fresh()
    full_after(files)
    with pytest.raises(OSError, match=FULL):
        train(folder)
    status = Run(folder).status
    assert status["status"] == "failed" and FULL in status["error"] and str(folder) in status["error"]
    assert capfd.readouterr() == ("", "")
    full_after(None)
    train(folder)
    assert contents(folder) == undisturbed


def test_the_state_before_survives_a_write_that_fails(train, undisturbed, contents, command, fresh, capfd):
    """Under a limit on the size of files, which a checkpoint exceeds and a status does not."""
    folder, asked = fresh(), iter(range(3))
    with pytest.raises(Stopped):
        train(folder, stop_asked=lambda: next(asked, None) is None)
    kept = {path.name: path.read_bytes() for path in folder.glob("checkpoint*.pt")}
    assert len(kept) == 2
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        limited = command("train", "--resume", folder, "-q")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert limited.ended() == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and f"{folder} failed: OSError" in err and "checkpoint.pt" in err, err
    status = Run(folder).status
    assert status["status"] == "failed" and "File too large" in status["error"]
    assert {path.name: path.read_bytes() for path in folder.glob("checkpoint*.pt")} == kept
    assert not list(folder.glob(".*.tmp"))
    train(folder)
    assert contents(folder) == undisturbed


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for 1 MB; how to give it more."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    yield place, lambda: subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
    subprocess.run(["umount", place], check=True)


def test_a_small_disk(train, undisturbed, contents, small_disk):
    place, enlarge = small_disk
    folder = place / "run"
    folder.mkdir()
    filling = place / "other"
    # room for a checkpoint and a half
    filling.write_bytes(bytes(1_000_000 - 280_000))
    with pytest.raises(OSError, match=FULL):
        train(folder)
    # others take what room is left
    with open(filling, "ab") as file, suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))
    status = Run(folder).status
    assert status["status"] == "failed" and FULL in status["error"]
    checkpoint.load(folder)
    # nothing at all can be written any more but over what is there
    with pytest.raises(OSError, match=FULL):
        train(folder)
    assert Run(folder).status["status"] == "failed"
    enlarge()
    train(folder)
    assert contents(folder) == undisturbed


def test_a_sweep_on_a_disk_that_is_full(fresh, contents, full_after):
    jobs = plan([*WORDS, "seed=0,1"])
    whole, folder = fresh(), fresh()
    run_sweep(jobs, whole, Serial())
    full_after(random.Random(1).randint(10, 60))
    with pytest.raises(OSError, match=FULL):
        # its summary cannot be written either
        run_sweep(jobs, folder, Serial())
    states = [SweepFolder(folder).outcome(one).state for one in jobs.jobs]
    assert "failed" in states
    full_after(None)
    assert [one.state for one in run_sweep(jobs, folder, Serial())] == ["finished"] * 2
    assert contents(folder) == contents(whole)
