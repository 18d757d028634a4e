"""Target 8: planning a sweep, from its overrides to composed, checked and named jobs.

CPU time per combination, in a fresh process that has planned one job before. Imports and files read once are not
counted; Hydra's composition of each option (50 ms) is. The ratio is to the milliseconds allowed per combination.
"""

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.rows import Row

CASES = {
    "seed=range(0,500)": ["seed=range(0,500)"],
    "experts.count=range(1,501)": ["experts.count=range(1,501)"],
    "experts=conv experts.count=range(1,101)": ["experts=conv", "experts.count=range(1,101)"],
    "every gate, objective and seed=0,1,2": ["gate=glob(*)", "objective=glob(*)", "seed=0,1,2"],
    "every gate with seed=range(0,20)": ["gate=glob(*)", "seed=range(0,20)"],
}
COMBINATION_MS = 10.0
SCRIPT = """
import sys, time
from moe_lab.sweeps.plan import plan
plan([])
before = time.process_time()
made = plan(sys.argv[1:])
print((time.process_time() - before) * 1e3 / (len(made.jobs) + len(made.refused) + made.duplicates))
"""


def rows(quick: bool) -> Iterator[Row]:
    for case, words in CASES.items():
        best = min(milliseconds(words) for _ in range(1 if quick else 3))
        yield Row("8", f"{case}, of {COMBINATION_MS:g} ms", COMBINATION_MS / best, 1.0, 2.0)


def milliseconds(words: list[str]) -> float:
    """A combination's share of the CPU time. Raises CalledProcessError if planning fails."""
    run = subprocess.run([sys.executable, "-c", SCRIPT, *words], check=True, capture_output=True, text=True)
    return float(run.stdout)
