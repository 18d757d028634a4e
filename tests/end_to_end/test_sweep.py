"""`moe-lab sweep` as a person uses it."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHORT = ["trainer.epochs=1", "trainer.limit_batches=1"]


def test_a_sweep_from_its_words_to_its_report(cli):
    words = ["regularizer=[],[importance]", "regularizers.importance.weight=0.3", "seed=0,1", *SHORT]
    listed = cli("sweep", *words, "--name", "s", "--dry-run", "-f", "json")
    assert listed.code == 0 and not Path("runs").exists(), listed.err
    jobs = [row["job"] for row in json.loads(listed.out)]
    assert "set aside: regularizers.importance.weight=0.3 has no place in 2 of 4 jobs" in listed.err
    result = cli("sweep", *words, "--name", "s", "launcher=serial")
    assert result.code == 0, result.err
    assert "4/4  finished" in result.out and "4 of 4 runs finished" in result.out and "report.html" in result.out
    sweep = Path("runs/s")
    assert sorted(jobs) == sorted(path.name for path in (sweep / "jobs").iterdir())
    for name in ("plan.json", "summary.csv", "report.html", "report.md"):
        assert (sweep / name).is_file(), name
    # nothing is trained twice, and a later sweep of the same name adds what is new
    before = {path: path.stat().st_mtime_ns for path in sweep.glob("jobs/*/*")}
    again = cli("sweep", "--resume", "runs/s", "--no-report", "launcher=serial", "-q")
    assert (again.code, again.out.strip()) == (0, "runs/s"), again.err
    more = cli("sweep", "k=2", *SHORT, "--name", "s", "--no-report", "launcher=serial")
    assert more.code == 0 and "4 of 5 jobs are done already" in more.out, more.err
    assert all(path.stat().st_mtime_ns == then for path, then in before.items() if path.name != "claim")
    # the listing knows sweeps' jobs, filters and sorts
    rows = json.loads(cli("runs", "regularizer=importance", "--sort", "-test_error_rate", "-f", "json").out)
    assert len(rows) == 2 and rows[0]["test_error_rate"] >= rows[1]["test_error_rate"]
    assert rows[0]["run"].startswith("s/jobs/")
    assert cli("runs", "gat=softmax").code == 2


def test_the_command_that_adds_a_dense_network_adds_it(cli):
    assert cli("sweep", "k=1,2", "seed=0,1", *SHORT, "--name", "s", "launcher=serial", "-q").code == 0
    [said] = [one for one in json.loads(Path("runs/s/report.json").read_text())["findings"] if "No dense" in one]
    _, *words = shlex.split(said[said.index("moe-lab sweep") :])
    result = cli(*words, "launcher=serial", "-q")
    assert result.code == 0, result.err
    report = json.loads(Path("runs/s/report.json").read_text())
    assert [arm["finished_seeds"] for arm in report["arms"]] == [2, 2, 2]
    assert any(one.startswith("A dense network of as many parameters") for one in report["findings"])
    # the choices of the mixtures are analyzed as before
    assert [effect["name"] for effect in report["factorial"]["test_error_rate"]["effects"]][0] == "k"


def test_a_job_that_fails_is_listed_at_the_end_and_the_others_go_on(cli):
    Path("wrong_part.py").write_text(
        "from moe_lab.parts.roles import Regularizer\n"
        "class Wrong(Regularizer):\n"
        '    """Cannot be trained."""\n'
        "    def __init__(self, sizes, *, weight: float = 0.5):\n"
        "        super().__init__(weight)\n"
        "    def forward(self, step):\n"
        # in training: the first batch of 32, on which parts are tried, goes well
        "        if step.x_BD.shape[-2] > 32:\n"
        "            raise MemoryError('no room')\n"
        "        return step.routing.weights_BE.mean((-2, -1))\n"
    )
    Path("mine/regularizer").mkdir(parents=True)
    node = "# @package regularizers.wrong\n_target_: wrong_part.Wrong\nweight: 0.5\n"
    Path("mine/regularizer/wrong.yaml").write_text(node)
    own = ["--config-dir", "mine", "--plugin", "wrong_part.py"]
    words = ["regularizer=[wrong],[]", "trainer.lr=1e-3,1e30", "trainer.optimizer=sgd", "trainer.epochs=1", *own]
    result = cli("sweep", *words, "--name", "s", "--no-report", "launcher=serial")
    assert result.code == 1 and "1 of 4 runs finished; 1 diverged; 2 failed" in result.out, result.out
    assert result.err.count("is failed: MemoryError: no room") == 2
    assert f"2 of 4 jobs have not finished; resume with `moe-lab sweep --resume runs/s {shlex.join(own)}`" in result.err
    # the config folder is of no matter any more; the plug-in must be named again
    refused = cli("sweep", "--resume", "runs/s", "--dry-run")
    assert refused.code == 2 and "wrong_part.Wrong" in refused.err


WRONG = [
    ["--resume", "nowhere"],
    ["--resume", "nowhere", "seed=1"],
    ["gate=sofmax,top_k"],
    ["--name", "../x", "seed=0,1"],
    ["launcher=nope", "seed=0,1"],
    ["seed=0,1", "--strict", "gate=uniform", "gate/score=linear"],
    [],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_is_one_clear_line_and_nothing_is_written(cli, words):
    result = cli("sweep", *words)
    assert result.code == 2 and result.err.count("\n") == 1 and result.err.startswith("moe-lab: "), result.err
    assert "Traceback" not in result.err and not Path("runs").exists()


def test_a_launchers_word_is_no_word_of_a_run(cli):
    result = cli("train", "launcher=serial")
    assert result.code == 2 and "use it with `moe-lab sweep`" in result.err


def running(folder: Path) -> list[dict]:
    """The states of jobs that run and have saved something."""
    found = [path for path in folder.glob("jobs/*/status.json") if (path.parent / "checkpoint.pt").exists()]
    return [one for one in (json.loads(path.read_text()) for path in found) if one["status"] == "running"]


LONG = ["seed=0,1,2", "trainer.epochs=100000", "trainer.checkpoint_seconds=0.05", "--name", "long", "--no-report"]


@pytest.fixture
def started(tmp_path):
    """Starts a long sweep and waits until one of its jobs runs; nothing of it outlives the test."""
    processes = []

    def start(*words, **options):
        process = subprocess.Popen([sys.executable, "-m", "moe_lab", "sweep", *LONG, *words], cwd=tmp_path, **options)
        processes.append(process)
        while not running(tmp_path / "runs/long"):
            assert process.poll() is None
            time.sleep(0.05)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def states(tmp_path):
    return sorted(json.loads(path.read_text())["status"] for path in tmp_path.glob("runs/long/jobs/*/status.json"))


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_saves_every_state(tmp_path, started):
    """The terminal sends it to the command and to its workers alike."""
    leader, follower = pty.openpty()
    process = started("launcher.workers=2", stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.killpg(process.pid, signal.SIGINT)
    os.close(follower)
    out = b""
    while chunk := read(leader):
        out += chunk
    assert process.wait(timeout=60) == 130, out.decode()
    assert b"resume with `moe-lab sweep --resume runs/long`" in b" ".join(out.split()) and b"Traceback" not in out
    assert set(states(tmp_path)) == {"interrupted", "planned"}


def read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:
        return b""


@pytest.mark.slow
def test_a_killed_sweep_leaves_no_worker_behind_and_goes_on(tmp_path, cli, started):
    process = started("launcher.workers=2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    second = cli("sweep", "--resume", tmp_path / "runs/long")
    assert second.code == 2 and f"in use by process {process.pid} on" in second.err
    process.kill()
    process.wait()
    until = time.monotonic() + 30
    while "running" in states(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    # its workers have seen that they are alone, and have saved their states
    assert set(states(tmp_path)) == {"interrupted", "planned"}
