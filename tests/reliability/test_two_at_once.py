"""Commands that start at the same moment: no two share a folder, nothing is done twice, and a command that must wait
names the one that it waits for."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from moe_lab.store.claim import CLAIM, claimed
from moe_lab.sweeps.folder import LOCK

SHORT = ["trainer.epochs=1", "trainer.limit_batches=1", "--no-report", "-q"]
LONG = ["trainer.epochs=100000", "trainer.checkpoint_seconds=0", "--no-report", "-q"]
SWEEP = ["seed=0,1", "launcher=serial", *SHORT]


def status(folder: Path) -> str:
    return json.loads((folder / "status.json").read_text())["status"]


def times_finished(folder: Path) -> int:
    return (folder / "train.log").read_text().count("INFO finished")


@pytest.fixture
def interrupted(cli) -> Path:
    """A run that was stopped before it had saved anything."""
    folder = Path("runs/a")
    cli("train", "trainer.epochs=5", "--no-report", "--name", "a")
    facts = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**facts, "status": "interrupted"}))
    (folder / "checkpoint.pt").unlink()
    (folder / "train.log").unlink()
    return folder


def test_four_trains_of_one_second_have_four_folders(cli, command):
    started = [command("train", *SHORT) for _ in range(4)]
    assert [one.ended() for one in started] == [0] * 4
    folders = sorted(Path("runs").iterdir())
    assert len(folders) == 4 and all(status(one) == "finished" for one in folders)
    assert len({(one / "routing.npz").read_bytes() for one in folders}) == 1


def test_two_trains_of_one_name(cli, command, capfd):
    started = [command("train", *SHORT, "--name", "a") for _ in range(3)]
    assert sorted(one.ended() for one in started) == [0, 2, 2]
    assert capfd.readouterr().err.count("runs/a exists already") == 2
    assert status(Path("runs/a")) == "finished" and times_finished(Path("runs/a")) == 1


def test_a_run_that_is_being_trained_is_not_resumed(cli, command):
    running = command("train", *LONG, "--name", "a")
    while not Path("runs/a/checkpoint.pt").exists():
        time.sleep(0.02)
    refused = cli("train", "--resume", "runs/a")
    assert refused.code == 2 and f"runs/a is in use by process {running.pid} on " in refused.err
    os.kill(running.pid, signal.SIGKILL)
    running.ended()
    assert json.loads(cli("runs", "-f", "json").out)[0]["status"] == "lost"


def test_whoever_holds_a_run_is_named_wherever_he_runs(cli, interrupted):
    """A status cannot tell whether a process of another machine lives: its claim can."""
    facts = json.loads((interrupted / "status.json").read_text())
    (interrupted / "status.json").write_text(json.dumps({**facts, "status": "running", "host": "elsewhere"}))
    with claimed(interrupted / CLAIM):
        refused = cli("train", "--resume", interrupted)
        assert refused.code == 2 and f"in use by process {os.getpid()} on" in refused.err
        assert status(interrupted) == "running"
    assert cli("train", "--resume", interrupted, "--no-report").code == 0


def test_two_resumes_of_one_run(cli, command, interrupted, capfd):
    started = [command("train", "--resume", interrupted, "-q", "--no-report") for _ in range(2)]
    assert sorted(one.ended() for one in started) == [0, 2]
    err = capfd.readouterr().err
    assert "in use by process" in err or "is finished" in err
    assert status(interrupted) == "finished" and times_finished(interrupted) == 1


def test_sweeps_of_one_name_at_one_moment(cli, command, capfd):
    """One does the work; the others say so, or find it done."""
    started = [command("sweep", *SWEEP, "--name", "s") for _ in range(3)]
    codes = sorted(one.ended() for one in started)
    err = capfd.readouterr().err
    assert codes[0] == 0 and set(codes) <= {0, 2} and err.count("runs/s is in use by process") == codes.count(2), err
    jobs = sorted(Path("runs/s/jobs").iterdir())
    assert len(jobs) == 2 and [times_finished(one) for one in jobs] == [1, 1]
    before = {path: path.stat().st_mtime_ns for path in Path("runs/s/jobs").rglob("*")}
    resumed = [command("sweep", "--resume", "runs/s", "launcher=serial", "-q", "--no-report") for _ in range(2)]
    assert {one.ended() for one in resumed} <= {0, 2}
    assert before == {path: path.stat().st_mtime_ns for path in Path("runs/s/jobs").rglob("*")}
    # anew, each has a folder of its own
    anew = [command("sweep", *SWEEP, "--name", "s", "--again") for _ in range(3)]
    assert [one.ended() for one in anew] == [0] * 3
    assert sorted(path.name for path in Path("runs").iterdir()) == ["s", "s_2", "s_3", "s_4"]


def test_a_sweep_that_was_killed_before_its_plan_is_begun_again_by_its_name(cli):
    Path("runs/s").mkdir(parents=True)
    with claimed(Path("runs/s") / LOCK):
        held = cli("sweep", *SWEEP, "--name", "s")
        assert held.code == 2 and f"runs/s is in use by process {os.getpid()} on" in held.err
    resumed = cli("sweep", "--resume", "runs/s")
    assert resumed.code == 2 and "start it again with --name" in resumed.err
    assert cli("sweep", *SWEEP, "--name", "s").code == 0
    # what is no sweep's folder is left alone
    Path("runs/other").mkdir()
    Path("runs/other/notes.txt").write_text("mine")
    refused = cli("sweep", *SWEEP, "--name", "other")
    assert (
        refused.code == 2 and "is not a sweep's folder" in refused.err and len(list(Path("runs/other").iterdir())) == 1
    )
