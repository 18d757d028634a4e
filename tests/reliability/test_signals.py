"""Ctrl-C and SIGTERM: the first saves the state, the second stops at once; nothing runs for ever in a status, also not
after kill -9."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moe_lab.store.process import alive, process_start
from moe_lab.store.status import is_lost

LONG = ["trainer.epochs=100000", "trainer.checkpoint_seconds=0", "--no-report", "-q"]


def states(folder: Path) -> list[str]:
    return sorted(json.loads(path.read_text())["status"] for path in folder.rglob("status.json"))


def wait_for(pattern: str) -> None:
    while not list(Path().glob(pattern)):
        time.sleep(0.02)


STOPS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@STOPS
def test_a_run_that_is_told_to_stop_saves_its_state(cli, command, capfd, number, code):
    """With twins to train and a report to write afterwards."""
    running = command("train", "trainer.epochs=100000", "trainer.checkpoint_seconds=0", "--name", "long")
    wait_for("runs/long/checkpoint.pt")
    os.kill(running.pid, number)
    assert running.ended() == code
    err = capfd.readouterr().err
    assert "its state is saved" in err and "Traceback" not in err and "moe-lab train --resume runs/long" in err
    assert states(Path("runs")) == ["interrupted"] and Path("runs/long/checkpoint.pt").is_file()


def test_a_killed_run_is_lost_and_can_be_resumed(cli, command):
    """kill -9 in the middle, then the same bits as a run that nobody killed."""
    words = ["trainer.epochs=30", "trainer.checkpoint_seconds=0.05", "--no-report"]
    running = command("train", *words, "--no-compare", "--name", "killed")
    wait_for("runs/killed/checkpoint.pt")
    os.kill(running.pid, signal.SIGKILL)
    assert running.ended() == -signal.SIGKILL
    assert json.loads(cli("runs", "-f", "json").out)[0]["status"] == "lost"
    assert cli("train", "--resume", "runs/killed", "--no-report").code == 0
    assert cli("train", *words, "--name", "whole").code == 0
    for name in ("routing.npz", "history.csv", "metrics.json"):
        assert Path("runs/killed", name).read_bytes() == Path("runs/whole", name).read_bytes(), name


@STOPS
def test_a_sweep_that_is_told_to_stop_saves_its_state(cli, command, capfd, number, code):
    running = command("sweep", "seed=0,1", *LONG, "--name", "s", "launcher=serial")
    wait_for("runs/s/jobs/*/checkpoint.pt")
    os.kill(running.pid, number)
    assert running.ended() == code
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "2 of 2 jobs are left; resume with `moe-lab sweep --resume runs/s`" in err
    assert states(Path("runs/s")) == ["interrupted", "planned"]


@pytest.mark.parametrize("words", [["train", "--name", "a"], ["sweep", "seed=0,1", "--name", "a", "launcher=serial"]])
def test_a_second_ctrl_c_stops_at_once(cli, command, capfd, words):
    """While the first is waiting for a step that takes its time."""
    slow = "import time\nfrom moe_lab.parts.roles import Regularizer\nclass Slow(Regularizer):\n"
    slow += '    """Never comes back."""\n    def __init__(self, sizes, *, weight: float = 0.5):\n'
    slow += "        super().__init__(weight)\n    def forward(self, step):\n"
    # in training, and not for the first batch of 32, on which parts are tried
    slow += "        if step.x_BD.shape[-2] > 32:\n"
    slow += "            open('slow', 'w').close()\n            time.sleep(60)\n"
    slow += "        return step.routing.weights_BE.mean((-2, -1))\n"
    Path("slow_part.py").write_text(slow)
    Path("mine/regularizer").mkdir(parents=True)
    node = "# @package regularizers.slow\n_target_: slow_part.Slow\nweight: 0.5\n"
    Path("mine/regularizer/slow.yaml").write_text(node)
    own = "--config-dir mine --plugin slow_part.py"
    running = command(*words, *LONG, "regularizer=[slow]", *own.split())
    wait_for("slow")
    began = time.monotonic()
    os.kill(running.pid, signal.SIGINT)
    time.sleep(0.3)
    assert states(Path("runs"))[-1] in ("planned", "running") and alive(running.pid)
    os.kill(running.pid, signal.SIGINT)
    assert running.ended() == 130 and time.monotonic() - began < 30
    err = capfd.readouterr().err
    assert "Traceback" not in err and err.count("\n") == 1, err
    left = ", 2 of 2 jobs are left" if words[0] == "sweep" else ""
    assert f"stopped{left}; resume with `moe-lab {words[0]} --resume runs/a {own}`" in err
    assert states(Path("runs"))[0] == "interrupted"


@pytest.mark.slow
def test_a_second_ctrl_c_in_a_terminal_leaves_no_worker_behind(tmp_path):
    """The terminal sends both to the command and to its worker alike."""
    leader, follower = pty.openpty()
    words = ["seed=0,1", *LONG, "--name", "s", "launcher.workers=1", "trainer.batch_size=1000"]
    command = subprocess.Popen(
        [sys.executable, "-m", "moe_lab", "sweep", *words],
        cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    while not (running := list(tmp_path.glob("runs/s/jobs/*/checkpoint.pt"))):
        time.sleep(0.05)
    worker = json.loads((running[0].parent / "status.json").read_text())["pid"]
    # its worker is held up, so that it cannot save its state when it is asked to
    os.kill(worker, signal.SIGSTOP)
    for _ in range(2):
        os.killpg(command.pid, signal.SIGINT)
        time.sleep(0.5)
    out = b""
    try:
        while chunk := os.read(leader, 4096):
            out += chunk
    except OSError:
        pass
    assert command.wait(timeout=60) == 130, out.decode()
    said = b"stopped, 2 of 2 jobs are left; resume with `moe-lab sweep --resume runs/s`"
    assert said in b" ".join(out.split()) and b"Traceback" not in out
    until = time.monotonic() + 20
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(worker) and states(tmp_path) == ["planned", "running"]
    [lost] = [path for path in tmp_path.rglob("status.json") if is_lost(json.loads(path.read_text()))]
    assert lost.parent == running[0].parent


def test_a_process_that_nobody_has_buried_is_dead(child):
    dead = child(lambda: time.sleep(60))
    status = {"status": "running", "pid": dead.pid, "host": socket.gethostname()}
    status["process_start"] = process_start(dead.pid)
    assert alive(dead.pid) and not is_lost(status)
    os.kill(dead.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while alive(dead.pid) and time.monotonic() < until:
        time.sleep(0.01)
    # nobody has asked for its end yet
    assert Path(f"/proc/{dead.pid}").exists() and not alive(dead.pid) and is_lost(status)
    assert dead.ended() == -signal.SIGKILL
