"""The life of a run on several processes, by its commands: as one process would have it, ended, and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from psutil import Process

from moe_lab import train
from moe_lab.errors import ConfigError
from moe_lab.experiment.job import stored_job
from moe_lab.store import checkpoint
from moe_lab.store.run import Run

WORDS = ["gate=top_k", "k=2", "gate/score=linear", "regularizer=[importance]", "trainer.limit_batches=4"]
#: seconds, enough for a rank to load its data on a busy machine
TIMEOUT = 20
LONG = [*WORDS, "trainer.epochs=2000", "trainer.checkpoint_seconds=0", "parallel=experts"]


def command(*words: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "moe_lab", "train", *words, "--no-report", "--no-compare", "--runs", str(folder)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The same run in one process and in three."""
    folder = tmp_path_factory.mktemp("runs")
    for name, words in {"one": [], "three": ["parallel=experts", "parallel.processes=3"]}.items():
        subprocess.run(command(*WORDS, "trainer.epochs=3", *words, "--name", name, folder=folder), check=True)
    return Run(folder / "one"), Run(folder / "three")


def test_history_and_metrics_are_those_of_one_process(trained):
    one, three = trained
    for ours, theirs in zip(three.history_rows, one.history_rows, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    assert three.metrics.keys() == one.metrics.keys()
    for name in ("test_loss_nats", "test_error_rate", "sample_entropy_bits", "usage_entropy_bits"):
        assert three.metrics[name]["value"] == pytest.approx(one.metrics[name]["value"], rel=1e-4)
    np.testing.assert_allclose(three.routing["weights"], one.routing["weights"], atol=1e-5)


def test_its_checkpoint_has_all_experts(trained):
    alone, three = (checkpoint.load(run.path)["learner"] for run in trained)
    assert {name: one.shape for name, one in three.items()} == {name: one.shape for name, one in alone.items()}


class Started:
    """A run on two processes, begun in the background and past its first checkpoint."""

    def __init__(self, folder: Path, words: list[str]) -> None:
        self.folder = folder / "run"
        words = [*words, f"parallel.timeout_seconds={TIMEOUT}", "--name", "run"]
        self.process = subprocess.Popen(command(*words, folder=folder), stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 300
        while not (self.folder / "checkpoint.pt").exists() and self.process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.1)

    @property
    def follower(self) -> Process:
        (one,) = [child for child in Process(self.process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        return one

    def ended(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=300)
        return self.process.returncode, said

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def started(tmp_path):
    run = Started(tmp_path, LONG)
    yield run
    run.kill()


@pytest.fixture
def evaluating(tmp_path):
    """Past its last step: the first checkpoint is that of the end, if no earlier one was due. What follows takes
    longer than to see it."""
    words = [*WORDS, "experts.count=8", "experts.hidden=1000", "trainer.epochs=1", "parallel=experts"]
    run = Started(tmp_path, words)
    yield run
    run.kill()


@pytest.mark.slow
def test_a_rank_that_is_killed_during_the_evaluation_interrupts_the_run_which_goes_on(evaluating):
    follower = evaluating.follower
    follower.kill()
    code, said = evaluating.ended()
    error = f"rank 1 (process {follower.pid}) ended by SIGKILL"
    assert code == 1 and f"{error}; resume with `moe-lab train --resume" in said
    assert Run(evaluating.folder).status["status"] == "interrupted"
    words = ["--resume", str(evaluating.folder), "-q", "--no-report", "--no-compare"]
    subprocess.run([sys.executable, "-m", "moe_lab", "train", *words], check=True)
    assert Run(evaluating.folder).finished


@pytest.mark.parametrize(("number", "how"), [(signal.SIGKILL, "ended by SIGKILL"), (signal.SIGSTOP, "does not answer")])
def test_a_rank_that_is_gone_ends_the_run_which_goes_on_in_one_process(started, number, how):
    follower = started.follower
    follower.send_signal(number)
    code, said = started.ended()
    status, error = Run(started.folder).status, f"rank 1 (process {follower.pid}) {how}"
    assert code == 1
    assert f"{error}; resume with `moe-lab train --resume" in said
    assert (status["status"], status["error"]) == ("interrupted", error)
    assert not follower.is_running()
    shorten(started.folder)
    words = ["--resume", str(started.folder), "parallel.processes=1"]
    subprocess.run([sys.executable, "-m", "moe_lab", "train", "-q", "--no-report", "--no-compare", *words], check=True)
    finished = Run(started.folder)
    assert finished.status["status"] == "finished" and finished.status["processes"] == [2, 1]
    assert [row["epoch"] for row in finished.history_rows] == list(range(1, len(finished.history_rows) + 1))


def shorten(folder: Path) -> None:
    """Let a run end with the epoch that it is in."""
    config = folder / "config.yaml"
    done = len((folder / "history.csv").read_text().splitlines())
    config.write_text(config.read_text().replace("epochs: 2000", f"epochs: {done + 1}"))
    state = folder / "checkpoint.pt"
    found = torch.load(state, weights_only=True)
    torch.save({**found, "keys": [stored_job(Run(folder)).state_key]}, state)


def test_a_leader_that_is_killed_takes_its_ranks_along(started):
    follower = started.follower
    started.process.kill()
    started.process.communicate()
    assert follower.wait(timeout=60) is None or not follower.is_running()
    listed = subprocess.run(
        [sys.executable, "-m", "moe_lab", "runs", str(started.folder.parent), "-f", "json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(listed.stdout)[0]["status"] == "lost"


def test_ctrl_c_saves_the_state(started):
    os.kill(started.process.pid, signal.SIGINT)
    code, said = started.ended()
    assert code == 130 and "its state is saved" in said
    assert Run(started.folder).status["status"] == "interrupted"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["seed=1"], "all overrides except parallel.processes"), (["parallel.processes=9"], "leaves a process without")],
)
def test_a_run_that_goes_on_takes_no_other_word(trained, words, said, tmp_path):
    folder = tmp_path / "run"
    subprocess.run(["cp", "-r", str(trained[1].path), str(folder)], check=True)
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, "status": "interrupted"}))
    keywords = dict(word.split("=") for word in words)
    with pytest.raises(ConfigError, match=said.replace("(", r"\(").replace(")", r"\)")):
        train(resume=folder, **{key: int(value) for key, value in keywords.items()})
