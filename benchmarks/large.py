"""Target 10: a large run, E=256 experts, C=1,000 classes and N=50,000 test samples, in two minutes and 2 GB.

The command itself runs in its own process: `moe-lab train --no-compare` on random arrays, from its start to its report.
It trains one epoch; evaluation of the test split, metrics, files and report take nearly all of the time. The ratios are
seconds allowed over seconds taken, and bytes allowed over the largest resident set. Seconds are processor time: the
process has one thread, so that on an idle machine they are the wall-clock time. A cost that grows with a product of two
of E, C, N and the number of permutations of a null is found here first.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.rows import Row

EXPERTS, CLASSES, FEATURES, TRAINING = 256, 1000, 64, 20_000
TEST, QUICK = 50_000, 5_000
SECONDS, BYTES = 120.0, 2e9


def rows(quick: bool) -> Iterator[Row]:
    samples = QUICK if quick else TEST
    with tempfile.TemporaryDirectory() as folder:
        seconds, most = measured(Path(folder), samples)
    case = f"E={EXPERTS} C={CLASSES} N={samples}"
    yield Row("10", f"{case}, processor seconds", SECONDS / seconds, 1.0, 1.0)
    yield Row("10", f"{case}, largest resident set", BYTES / most, 1.0, 1.0)


def measured(folder: Path, samples: int) -> tuple[float, int]:
    """Processor seconds of the command, and its largest resident set in bytes."""
    np.savez(folder / "data.npz", **arrays(samples))
    words = ["dataset=npz", f"dataset.path={folder / 'data.npz'}", f"experts.count={EXPERTS}", "gate=mixtral", "k=2"]
    words += ["trainer.epochs=1", "trainer.batch_size=512", "--no-compare", "--runs", str(folder), "-q"]
    process = subprocess.Popen([sys.executable, "-m", "moe_lab", "train", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    # Linux counts in units of 1,024 bytes
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def arrays(samples: int) -> dict[str, np.ndarray]:
    """Each class is a normal distribution around its own centre, in both splits."""
    source = np.random.default_rng(0)
    centre_CD = 2 * source.normal(size=(CLASSES, FEATURES))
    found = {}
    for name, count in (("train", TRAINING), ("test", samples)):
        y_N = np.arange(count) % CLASSES
        found |= {f"x_{name}": (centre_CD[y_N] + source.normal(size=(count, FEATURES))).astype(np.float32)}
        found |= {f"y_{name}": y_N}
    return found
