"""A mixture that does not fit one process is trained by four and then by three that may have as much memory each."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moe_lab.store.run import Run

EXPERTS, WIDTH, HIDDEN = 20, 512, 1536
WORDS = [
    "dataset=digits", "network=mlp", f"network.width={WIDTH}", "gate=top_k", "k=2", f"experts.count={EXPERTS}",
    f"experts.hidden={HIDDEN}", "trainer.dispatch=sparse", "trainer.epochs=2", "trainer.limit_batches=2",
]  # fmt: skip
#: the experts' weights and biases, their gradients and Adam's two numbers, four bytes each
WHOLE = EXPERTS * (2 * WIDTH * HIDDEN + HIDDEN + WIDTH) * 4 * 4
#: what a process has that has imported everything and has done nothing
IMPORTED = """
import pandas, matplotlib.pyplot
import moe_lab.cli.main, moe_lab.experiment.train, moe_lab.reports
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmData")))
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def limit():
    """Bytes of data of a process in which the whole mixture with its optimizer has no room beside torch."""
    line = [sys.executable, "-c", IMPORTED]
    return 1000 * int(subprocess.run(line, check=True, capture_output=True, env=ENVIRONMENT).stdout) + WHOLE


@pytest.fixture
def started(limit):
    """Starts a command whose processes may have so much data each."""
    running = []

    def start(*words: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "moe_lab", "train", *words, "--no-compare", "-q"]
        ends = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENVIRONMENT}
        limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))}
        running.append(subprocess.Popen(line, **ends, **limited))
        return running[-1]

    yield start
    for one in running:
        if one.poll() is None:
            one.kill()
            one.communicate()


@pytest.mark.slow
def test_one_process_cannot_train_it_and_several_can(started, tmp_path):
    alone = started(*WORDS, "--runs", str(tmp_path), "--name", "alone")
    said = alone.communicate(timeout=600)[1]
    # torch says the one, Python and NumPy say the other, as who comes to the limit
    assert alone.returncode == 1 and ("can't allocate memory" in said or "MemoryError" in said), said
    folder = tmp_path / "four"
    words = [*WORDS, "parallel=experts", "parallel.processes=4"]
    stop(started(*words, "--runs", str(tmp_path), "--name", folder.name), folder)
    resumed = started("--resume", str(folder), "parallel.processes=3")
    _, said = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, said
    # chance is .9
    run = Run(folder)
    assert run.status["status"] == "finished" and run.status["processes"] == [4, 3]
    assert run.metrics["test_error_rate"]["value"] < 0.5 and (folder / "report.html").exists()
    # in all, and not of one process
    assert run.arrays("costs")["parameters_total"] > WHOLE / 16


def stop(process: subprocess.Popen[str], folder: Path) -> None:
    """After the first batch, of which the state is saved."""
    until = time.monotonic() + 600
    while not (folder / "status.json").exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 130 and "its state is saved" in said, said
