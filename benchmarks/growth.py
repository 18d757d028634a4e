"""python -m benchmarks.growth [--quick]: growth of a training step's time with E, B, k and R.

Whole steps of moe-lab, Adam included, on images of 28 x 28 drawn at random, one thread; for R stacked runs, which share
the minibatch, together. There is no target. The numbers go to benchmarks/results/growth.csv, the figure to growth.svg
(--quick: to benchmarks/results/quick/).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from benchmarks.__main__ import RESULTS, note_machine
from benchmarks.problems import PAPER_MNIST, images, training
from benchmarks.timing import interleaved
from moe_lab.reports.kit.style import HUES, RC
from moe_lab.store.atomic import write_csv

MLP = ("dataset=mnist", "experts=mlp", "experts.hidden=256", "gate/score=linear")
MODELS = {"the paper's MNIST networks": PAPER_MNIST, "one hidden layer of 256": MLP}
EXPERTS, BATCH, BATCHES, STACKED_BATCH = 10, 512, 2, 128
AXES = {
    "E": "experts, batch 512",
    "B": "samples a batch, 10 experts",
    "k": "selected of 16 experts, batch 512",
    "R": "stacked runs, 10 experts, batch 128",
}


@dataclass(frozen=True)
class Case:
    """A model with a value of one of E, B, k and R."""

    axis: str
    value: int
    model: str
    words: Sequence[str]
    batch: int = BATCH
    runs: int = 1


@dataclass(frozen=True)
class Cost:
    """Milliseconds per step of all runs."""

    axis: str
    value: int
    model: str
    milliseconds: float


def costs(quick: bool) -> Iterator[Cost]:
    """Measure the points of a line in turns, so that a temporary slowdown of the machine does not bend it."""
    for (axis, model), group in groupby(cases(quick), key=lambda case: (case.axis, case.model)):
        line = {str(case.value): epoch_of(case) for case in group}
        for value, seconds in interleaved(line, rounds=2 if quick else 10).items():
            yield Cost(axis, int(value), model, float(f"{1e3 * seconds / BATCHES:.4g}"))


def epoch_of(case: Case) -> Callable[[], object]:
    words = (*case.words, f"trainer.batch_size={case.batch}")
    return training(words, images(BATCHES * case.batch), case.runs).epoch


def cases(quick: bool) -> Iterator[Case]:
    for model, words in MODELS.items():
        ten = (*words, f"experts.count={EXPERTS}")
        for experts in (2, 20) if quick else (2, 5, 10, 20, 40):
            yield Case("E", experts, model, (*words, f"experts.count={experts}"))
        for batch in (64, 1024) if quick else (32, 64, 128, 256, 512, 1024):
            yield Case("B", batch, model, ten, batch=batch)
        for k in (1, 16) if quick else (1, 2, 4, 8, 16):
            yield Case("k", k, model, (*words, "gate=top_k", f"k={k}", "experts.count=16"))
        for runs in (1, 8) if quick else (1, 2, 4, 8, 16, 32):
            yield Case("R", runs, model, ten, batch=STACKED_BATCH, runs=runs)


def draw(costs: Sequence[Cost], path: Path, across: Mapping[str, str], title: str) -> None:
    """One panel per axis, with its label; one line per model."""
    models = dict.fromkeys(cost.model for cost in costs)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(12, 3.2), layout="constrained")
        panels = figure.subplots(1, len(across), sharey=True)
        for axes, (axis, label) in zip(panels, across.items(), strict=True):
            for model, colour in zip(models, HUES, strict=False):
                points = [(cost.value, cost.milliseconds) for cost in costs if (cost.axis, cost.model) == (axis, model)]
                axes.loglog(*zip(*points, strict=True), "o-", color=colour, markersize=3, label=model)
            axes.set_xticks(sorted({cost.value for cost in costs if cost.axis == axis}))
            axes.set_xticks([], minor=True)
            for line in (axes.xaxis, axes.yaxis):
                line.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.set_xlabel(f"{axis}, {label}", loc="right")
            axes.grid(axis="y")
            if axes is panels[0]:
                axes.set_title(title)
                axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def measure(costs: Iterable[Cost], name: str, axes: Mapping[str, str], title: str, quick: bool) -> None:
    """Print each cost when it is measured, and save all as NAME.csv and NAME.svg."""
    folder = RESULTS / "quick" if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    measured = []
    for cost in costs:
        measured.append(cost)
        print(f"  {cost.axis}={cost.value:<8} {cost.model:<30} {cost.milliseconds:10.2f} ms", flush=True)
    write_csv(folder / f"{name}.csv", [asdict(cost) for cost in measured])
    note_machine(folder, name)
    draw(measured, folder / f"{name}.svg", axes, title)


def main(quick: bool) -> None:
    measure(costs(quick), "growth", AXES, "milliseconds a step", quick)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
