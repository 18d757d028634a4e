"""A command whose output goes nowhere does its work all the same. Each runs in a process of its own, because a
descriptor must be closed before Python starts."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

MOE_LAB = f"'{sys.executable}' -m moe_lab"
SHORT = "trainer.epochs=12 trainer.limit_batches=2"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess:
    """A line of bash with ``moe-lab`` in it; its exit code is that of moe-lab, wherever that stands in a pipe."""
    script = f"{line.replace('moe-lab', MOE_LAB)}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)


#: of a run and of the two plain networks beside it
WITH_TWINS = ["finished"] * 3


def states(folder: Path) -> list[str]:
    return [json.loads(path.read_text())["status"] for path in sorted(folder.rglob("status.json"))]


@pytest.mark.parametrize("where", ["| head -1", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_training_goes_on_when_nobody_reads_what_it_prints(tmp_path, where):
    done = shell(f"moe-lab train --name a {SHORT} {where}", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done
    assert states(tmp_path) == WITH_TWINS and (tmp_path / "runs/a/report.html").is_file()


@pytest.mark.parametrize("launcher", ["serial", "processes launcher.workers=1"])
@pytest.mark.parametrize("where", ["2>&1 | head -1", "<&- >&- 2>&-"])
def test_so_does_a_sweep(tmp_path, where, launcher):
    done = shell(f"moe-lab sweep seed=0,1 {SHORT} launcher={launcher} --name a {where}", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done
    assert states(tmp_path) == ["finished"] * 2 and (tmp_path / "runs/a/report.html").is_file()


def test_a_terminal_that_is_closed_stops_no_training(tmp_path):
    """As under ``nohup``: the bar is drawn on a terminal that goes away after its first characters."""
    screen, terminal = pty.openpty()
    words = [sys.executable, "-m", "moe_lab", "train", "--name", "a", *SHORT.split()]
    child = subprocess.Popen(words, cwd=tmp_path, stdout=terminal, stderr=terminal)
    os.close(terminal)
    assert os.read(screen, 1)
    os.close(screen)
    assert child.wait() == 0 and states(tmp_path) == WITH_TWINS


def test_what_a_full_disk_loses_is_said(tmp_path):
    """The run is complete, but the file of what was printed is not, so the exit code is 1."""
    done = shell(f"moe-lab train --name a {SHORT} > /dev/full", tmp_path)
    assert (
        done.returncode == 1 and done.stderr == "moe-lab: some output could not be written: No space left on device\n"
    )
    assert states(tmp_path) == WITH_TWINS
    assert shell("moe-lab list > /dev/full", tmp_path).returncode == 1
