"""`moe-lab train --from` and `--resume`, and what a stop or a kill leaves for them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]


def first_epoch(process):
    """Whether its line comes after those of what is trained; else the process is ended, for which a test would wait."""
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            return True
    process.kill()
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_saves_the_state(tmp_path, number, code):
    command = [sys.executable, "-m", "moe_lab", "train", "trainer.epochs=100000", "--name", "long"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert first_epoch(process)
        time.sleep(0.2)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code and "its state is saved" in err and "Traceback" not in err
    assert "moe-lab train --resume runs/long" in err
    status = json.loads((tmp_path / "runs/long/status.json").read_text())
    assert status["status"] == "interrupted" and (tmp_path / "runs/long/checkpoint.pt").is_file()


def test_from_repeats_and_varies(cli):
    cli("train", *SHORT, "--no-report", "--name", "a", "gate=attentive")
    assert cli("train", "--from", "runs/a", "--no-report", "--name", "b").code == 0
    for name in ("routing.npz", "history.csv", "metrics.json", "config.yaml"):
        assert Path("runs/a", name).read_bytes() == Path("runs/b", name).read_bytes(), name
    assert cli("train", "--from", "runs/a", "seed=3", "--no-report", "--name", "c").code == 0
    rows = json.loads(cli("runs", "-f", "json").out)
    assert rows[2]["choices"] == {**rows[0]["choices"], "seed": 3}
    assert cli("train", "--from", "nowhere").code == 2 and cli("train", "--from", "runs/a", "gate.x=1").code == 2


def test_resume_goes_on_only_with_what_has_not_ended(cli):
    cli("train", *SHORT, "--no-report", "--name", "a")
    result = cli("train", "--resume", "runs/a")
    assert result.code == 2 and "is finished" in result.err and "--from runs/a" in result.err
    assert cli("train", "--resume", "runs/a", "seed=1").code == 2 and cli("train", "--resume", "nowhere").code == 2
    status = json.loads(Path("runs/a/status.json").read_text())
    Path("runs/a/status.json").write_text(json.dumps({**status, "status": "failed"}))
    done = cli("train", "--resume", "runs/a", "--no-report")
    assert done.code == 0, done.err
    assert json.loads(Path("runs/a/status.json").read_text())["status"] == "finished"


def test_a_killed_run_is_lost_and_can_be_resumed(tmp_path, cli):
    """kill -9 in the middle, then the same bits as a run that nobody killed."""
    words = ["trainer.epochs=60", "trainer.checkpoint_seconds=0.05"]
    command = [sys.executable, "-m", "moe_lab", "train", *words, "--name", "killed", "--no-report"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert first_epoch(process)
        time.sleep(0.3)
        process.kill()
    assert json.loads(cli("runs", "-f", "json").out)[0]["status"] == "lost"
    assert cli("train", "--resume", "runs/killed", "--no-report").code == 0
    assert cli("train", *words, "--no-report", "--name", "whole").code == 0
    for name in ("routing.npz", "history.csv", "metrics.json"):
        assert Path("runs/killed", name).read_bytes() == Path("runs/whole", name).read_bytes(), name
