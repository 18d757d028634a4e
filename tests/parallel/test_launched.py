"""Processes that torchrun or srun has started train a run together, as those that one command starts do. Those of
torchrun on two hosts: test_two_hosts.py."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moe_lab.errors import ConfigError
from moe_lab.experiment import ranks
from moe_lab.experiment.job import prepare
from moe_lab.experiment.launch import Launch, launched
from moe_lab.store.run import Run
from tests.parallel.test_life import LONG, WORDS, shorten

SHORT = [*WORDS, "trainer.epochs=3", "parallel=experts"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def of_slurm(rank: int, port: int) -> dict[str, str]:
    """What srun says to one of two tasks."""
    return {
        "SLURM_PROCID": str(rank), "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "localhost",
        "SLURM_JOB_ID": "7", "MASTER_PORT": str(port),
    }  # fmt: skip


class Step:
    """Two processes of one command, as srun starts them."""

    def __init__(self, folder: Path, *words: str) -> None:
        port = free_port()
        line = [sys.executable, "-m", "moe_lab", "train", *words, "--no-report", "--no-compare", "--runs", str(folder)]
        self.processes = [
            subprocess.Popen(
                line, env={**os.environ, **of_slurm(rank, port)}, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for rank in range(2)
        ]  # fmt: skip

    def ended(self) -> list[tuple[int, str, str]]:
        """Exit code and what was printed, of each."""
        said = [process.communicate(timeout=300) for process in self.processes]
        return [(process.returncode, *texts) for process, texts in zip(self.processes, said, strict=True)]

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def step(tmp_path):
    started = []

    def start(*words: str) -> Step:
        started.append(Step(tmp_path, *words))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_another_number_is_a_mistake_that_one_process_prints(step, tmp_path):
    leader, follower = step(*SHORT, "parallel.processes=3").ended()
    assert leader == (
        2, "", "moe-lab: parallel.processes=3: srun started 2 processes; leave parallel.processes away, or start 3\n"
    )  # fmt: skip
    assert follower == (0, "", "") and not list(tmp_path.iterdir())


def test_two_tasks_of_srun_save_the_state_and_go_on(step, tmp_path):
    folder = tmp_path / "run"
    first = step(*LONG, "--name", "run")
    until = time.monotonic() + 300
    while not (folder / "checkpoint.pt").exists():
        assert first.processes[0].poll() is None and time.monotonic() < until
        time.sleep(0.1)
    # as a job is cancelled
    for process in first.processes:
        process.send_signal(signal.SIGTERM)
    (code, _, said), follower = first.ended()
    assert code == 143 and "its state is saved" in said and follower == (0, "", "")
    shorten(folder)
    (code, said, _), follower = step("--resume", str(folder)).ended()
    assert code == 0 and f"run     {folder}" in said and follower == (0, "", "")
    status = Run(folder).status
    assert status["status"] == "finished" and status["processes"] == [2, 2]


@pytest.fixture
def environment(monkeypatch):
    """Sets how this process was started."""
    names = [*of_slurm(0, 0), "SLURM_LOCALID", "LOCAL_RANK", "RANK", "WORLD_SIZE", "MASTER_ADDR", "SLURM_NTASKS"]
    for name in names:
        monkeypatch.delenv(name, raising=False)

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return change


def test_a_process_alone_has_no_others(environment):
    assert launched() is None
    environment(SLURM_PROCID="0", SLURM_NTASKS="4", SLURM_JOB_ID="7")
    assert launched() is None, "a script of sbatch"
    environment(RANK="0", WORLD_SIZE="1", MASTER_ADDR="a", MASTER_PORT="1")
    assert launched() is None
    environment(WORLD_SIZE="")
    assert launched() is None


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("a", "a"), ("b7,a1", "b7"), ("a[003-005,7],b", "a003"), ("rack[2-3]n[1,4]", "rack2n1"), ("x-[9]", "x-9")],
)
def test_tasks_of_srun_meet_on_the_first_host(environment, nodes, first):
    environment(SLURM_PROCID="3", SLURM_STEP_NUM_TASKS="4", SLURM_STEP_NODELIST=nodes, SLURM_JOB_ID="12345")
    # 12345 = 2 * 5000 + 2345
    assert launched().url == f"tcp://{first}:17345?rank=3&world_size=4"
    environment(MASTER_ADDR="10.0.0.1", MASTER_PORT="99")
    assert (launched().rank, launched().count, launched().url[:17]) == (3, 4, "tcp://10.0.0.1:99")
    environment(SLURM_LOCALID="1")
    assert launched().local == 1


def test_processes_of_torchrun_meet_as_it_says(environment):
    environment(RANK="3", WORLD_SIZE="4", MASTER_ADDR="a", MASTER_PORT="1", LOCAL_RANK="1")
    assert launched() == Launch("torchrun", 3, 4, "env://", 1)


def test_as_many_processes_as_were_started(environment):
    words = ["parallel=experts", "gate=top_k", "k=2"]
    assert prepare(words).config["parallel"]["processes"] == 2
    environment(RANK="0", WORLD_SIZE="4", MASTER_ADDR="a", MASTER_PORT="1")
    four = prepare(words)
    assert four.config["parallel"]["processes"] == 4 and "parallel.processes" in four.auto_filled
    assert four.key == prepare([*words, "parallel.processes=4"]).key


@pytest.mark.parametrize(
    ("words", "leads", "said"),
    [
        (["parallel=none"], True, "torchrun started 4 processes, and this run has parallel=none: start one"),
        (["parallel=experts", "gate=top_k", "k=2"], False, "torchrun started 4 processes of a script"),
    ],
)
def test_what_they_cannot_train_together_is_refused(environment, monkeypatch, words, leads, said):
    environment(RANK="0", WORLD_SIZE="4", MASTER_ADDR="a", MASTER_PORT="1")
    monkeypatch.setattr(ranks, "together", lambda: True if leads else None)
    with pytest.raises(ConfigError, match=said):
        ranks.check_launch(prepare(words).config)
