"""python -m benchmarks.trace_growth [--quick]: growth of the time of all measures of a trace with T, L, E and K.

CPU time of ``measure`` with 200 permutations, one thread, with and without token ids; the traces are those of
benchmarks/traces.py. There is no target. The numbers go to benchmarks/results/trace_growth.csv, the figure to
trace_growth.svg (--quick: to benchmarks/results/quick/).
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.growth import Cost, measure
from benchmarks.traces import Size, measured_alone

BASE = Size(rows=160_000, layers=4, k=2)
LINES = {"all measures": BASE, "without token ids": replace(BASE, tokens=0)}
AXES = {
    "T": "rows, 4 layers, 64 experts, k = 2",
    "L": "layers, 160,000 rows",
    "E": "experts of a layer",
    "K": "selected experts",
}


def costs(quick: bool) -> Iterator[Cost]:
    for line, base in LINES.items():
        small = replace(base, rows=16_000) if quick else base
        for axis, value, size in sizes(small, quick):
            yield Cost(axis, value, line, float(f"{1e3 * measured_alone(size)['seconds']:.3g}"))


def sizes(base: Size, quick: bool) -> Iterator[tuple[str, int, Size]]:
    for times in (1, 4) if quick else (1, 2, 4, 8, 16):
        rows = base.rows * times // 4
        yield "T", rows, replace(base, rows=rows)
    for layers in (1, 4) if quick else (1, 2, 4, 8, 16):
        yield "L", layers, replace(base, layers=layers)
    for experts in (8, 64) if quick else (8, 16, 64, 128, 256):
        yield "E", experts, replace(base, experts=experts)
    for k in (1, 4) if quick else (1, 2, 4, 8):
        yield "K", k, replace(base, k=k)


def main(quick: bool) -> None:
    measure(costs(quick), "trace_growth", AXES, "milliseconds per trace", quick)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
