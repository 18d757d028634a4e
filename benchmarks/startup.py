"""Target 6: start-up, from the command to its answer or to the first training step.

CPU time, of all threads and with the system's share, of fresh processes on a warm disk. Help and completion are
compared with `import torch`, which they must not import; the others with the seconds allowed.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from benchmarks.rows import Row

COMMAND = (sys.executable, "-m", "moe_lab")
TAB = {"_MOE_LAB_COMPLETE": "complete_bash", "COMP_WORDS": "moe-lab\ntrain\ngate=", "COMP_CWORD": "2"}
CONFIG_SECONDS, FIRST_STEP_SECONDS = 3.5, 6.0


def rows(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        words = ("trainer.epochs=1", "trainer.limit_batches=1", "--no-report", "--runs", folder)
        calls = {
            "torch": ((sys.executable, "-c", "import torch"), {}),
            "help": ((*COMMAND, "--help"), {}),
            "tab": (COMMAND, TAB),
            "config": ((*COMMAND, "config"), {}),
            "train": ((*COMMAND, "train", *words), {}),
        }
        best = dict.fromkeys(calls, float("inf"))
        for _ in range(1 if quick else 6):
            for name, (command, variables) in calls.items():
                best[name] = min(best[name], seconds(command, variables))
    yield Row("6", "moe-lab --help, against import torch", best["torch"] / best["help"], 1.0, 1.0)
    yield Row("6", "TAB after gate=, against import torch", best["torch"] / best["tab"], 1.0, 1.0)
    yield Row("6", f"moe-lab config, of {CONFIG_SECONDS} s", CONFIG_SECONDS / best["config"], 1.0, 1.0)
    yield Row(
        "6", f"moe-lab train of one step, of {FIRST_STEP_SECONDS:g} s", FIRST_STEP_SECONDS / best["train"], 1.0, 1.0
    )


def seconds(command: Sequence[str], variables: dict[str, str]) -> float:
    """CPU seconds of a process and its children. Raises CalledProcessError if it fails."""
    before = _children()
    subprocess.run(command, env=os.environ | variables, check=True, capture_output=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
