"""Coverage of 95 % intervals over seeds, and of ranges of selected runs, by simulation.

``python -m benchmarks.coverage`` writes benchmarks/results/coverage.csv and prints it as the table of docs/reports.md.
One row per population and n: the interval of moe-lab, Student's t, and how often the latter leaves the bounds.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from moe_lab.reports.kit.page import table
from moe_lab.statistics import best_of, sign_flip_interval, summary
from moe_lab.statistics.intervals import Bounds, student_ends
from moe_lab.statistics.replication import SELECTIONS
from moe_lab.store.atomic import write_csv

DRAWS, BEST_DRAWS = 4_000, 400
#: number of draws for the true mean
LARGE = 1_000_000
SEEDS = (2, 5, 10)
#: log2 of five experts
TOP = float(np.log2(5))

Draw = Callable[[np.random.Generator, int], np.ndarray]


def beta(mean: float, sd: float, top: float = 1.0) -> Draw:
    """Between 0 and ``top``."""
    share = mean / top
    size = share * (1 - share) / (sd / top) ** 2 - 1
    return lambda rng, n: top * rng.beta(share * size, (1 - share) * size, n)


def collapsing(rng: np.random.Generator, n: int) -> np.ndarray:
    """Usage entropy of runs, one in five of which collapses."""
    near_top = np.clip(rng.normal(2.1, 0.1, n), 0, TOP)
    return np.where(rng.random(n) < 0.2, 0.02 * rng.random(n), near_top)


LEVELS: dict[str, tuple[Draw, Bounds]] = {
    "error .035 ± .006": (beta(0.035, 0.006), (0, 1)),
    "error .16 ± .16, one expert": (beta(0.157, 0.16), (0, 1)),
    "unrouted share .02 ± .02": (beta(0.02, 0.02), (0, 1)),
    "I/H .80 ± .10": (beta(0.8, 0.1), (0, 1)),
    "I(E;Y) 1.56 ± .42 bits, E = 5": (beta(1.56, 0.42, TOP), (0, TOP)),
    "H(E given X) .07 ± .04 bits": (beta(0.07, 0.04, TOP), (0, TOP)),
    "usage 2.29 ± .03 bits of 2.32": (beta(2.285, 0.03, TOP), (0, TOP)),
    "dead experts, 30 % of 5": (lambda rng, n: rng.binomial(5, 0.3, n).astype(float), (0, 5)),
    "loss, lognormal, .2 ± .1 nats": (lambda rng, n: 0.18 * np.exp(0.47 * rng.normal(size=n)), (0, None)),
    "usage, one run in five collapsed": (collapsing, (0, TOP)),
}
DIFFERENCES: dict[str, Draw] = {
    "paired differences, normal": lambda rng, n: rng.normal(0.5, 1, n),
    "paired differences, skewed": lambda rng, n: rng.exponential(1, n),
    "paired differences, one in ten far off": lambda rng, n: rng.normal(0.5, 1, n) + 5 * (rng.random(n) < 0.1),
}


def levels() -> Iterator[dict[str, Any]]:
    for name, (draw, bounds) in LEVELS.items():
        rng = np.random.default_rng(0)
        true = float(draw(rng, LARGE).mean())
        for n in SEEDS:
            yield {"population": name, "n": n} | _level(draw, bounds, true, n, rng)


def _level(draw: Draw, bounds: Bounds, true: float, n: int, rng: np.random.Generator) -> dict[str, Any]:
    least, greatest = (end if end is not None else np.inf * side for end, side in zip(bounds, (-1, 1), strict=True))
    ours = students = beyond = 0
    for _ in range(DRAWS):
        x_n = draw(rng, n)
        found = summary(x_n, bounds)
        low, high = student_ends(found.mean, float(x_n.std(ddof=1)) / n**0.5, n - 1)
        ours += found.low <= true <= found.high
        students += low <= true <= high
        beyond += low < least or high > greatest
    return {"interval": "t within the bounds"} | _shares(ours, students, beyond)


def differences() -> Iterator[dict[str, Any]]:
    for name, draw in DIFFERENCES.items():
        rng = np.random.default_rng(0)
        true = float(draw(rng, LARGE).mean())
        for n in (6, 10):
            ours = students = 0
            for _ in range(DRAWS):
                x_n = draw(rng, n)
                low, high = sign_flip_interval(x_n)
                ours += low <= true <= high
                low, high = student_ends(float(x_n.mean()), float(x_n.std(ddof=1)) / n**0.5, n - 1)
                students += low <= true <= high
            yield {"population": name, "n": n, "interval": "inverted sign-flip test"} | _shares(ours, students)


def selections() -> Iterator[dict[str, Any]]:
    """The range of the best of 10 by training error, which explains half of the variance of the test error."""
    for times in (1, 4, SELECTIONS):
        rng, held = np.random.default_rng(0), 0
        for _ in range(BEST_DRAWS):
            chosen, reported = _runs(rng, 10)
            printed = float(reported[chosen.argmin()])
            # as many runs as the rule requires, by repeating ours: the range is that of the given runs
            ours = [np.tile(one, SELECTIONS // times) for one in _runs(rng, 10 * times)]
            held += best_of(*ours, printed, 10, draws=2_000).word == "inconclusive"
        name = f"printed best of 10 among {10 * times} runs of ours"
        yield {"population": name, "n": 10 * times, "interval": "range of the best of 10"} | {
            "covers_percent": 100 * held / BEST_DRAWS
        }


def _runs(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    training = rng.normal(size=n)
    return training, (training + rng.normal(size=n)) / 2**0.5


def _shares(ours: int, students: int, beyond: int | None = None) -> dict[str, Any]:
    found = {"covers_percent": 100 * ours / DRAWS, "student_t_covers_percent": 100 * students / DRAWS}
    return found if beyond is None else found | {"student_t_leaves_bounds_percent": 100 * beyond / DRAWS}


def main() -> None:
    columns = ("covers_percent", "student_t_covers_percent", "student_t_leaves_bounds_percent")
    rows = [
        row | {column: round(row[column], 1) if column in row else None for column in columns}
        for row in (*levels(), *differences(), *selections())
    ]
    write_csv(Path(__file__).parent / "results" / "coverage.csv", rows)
    cells = [[row["population"], row["n"], *("" if row[one] is None else row[one] for one in columns)] for row in rows]
    print(table(["population", "n", "covers, %", "Student's t", "leaves the bounds"], cells, "lrrrr"))


if __name__ == "__main__":
    main()
