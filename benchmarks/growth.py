"""python -m benchmarks.growth [--quick]: how a training step grows with E, k and B.

Whole steps of moe-lab, Adam included, on images of 28 x 28 drawn at random, one thread. No target: the numbers go to
benchmarks/results/growth.csv, the figure to growth.svg (--quick: to benchmarks/results/quick/).
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from benchmarks.__main__ import RESULTS
from benchmarks.problems import PAPER_MNIST, images, training
from benchmarks.timing import interleaved
from moe_lab.reports.style import OKABE_ITO, RC
from moe_lab.store.atomic import write_csv

MLP = ("dataset=mnist", "experts=mlp", "experts.hidden=256", "gate/score=linear")
MODELS = {"the paper's MNIST networks": PAPER_MNIST, "one hidden layer of 256": MLP}
EXPERTS, BATCH, BATCHES = 10, 512, 2
AXES = {"E": "experts, batch 512", "B": "samples a batch, 10 experts", "k": "selected of 16 experts, batch 512"}


@dataclass(frozen=True)
class Cost:
    """Milliseconds a step of a model, where one of E, B and k has a value."""

    axis: str
    value: int
    model: str
    milliseconds: float


def costs(quick: bool) -> Iterator[Cost]:
    for axis, value, model, words, batch in cases(quick):
        epoch = training((*words, f"trainer.batch_size={batch}"), images(BATCHES * batch)).epoch
        seconds = interleaved({"epoch": epoch}, rounds=2 if quick else 10)["epoch"]
        yield Cost(axis, value, model, float(f"{1e3 * seconds / BATCHES:.4g}"))


def cases(quick: bool) -> Iterator[tuple[str, int, str, Sequence[str], int]]:
    """Axis, value, model, words, batch size."""
    for model, words in MODELS.items():
        for experts in (2, 20) if quick else (2, 5, 10, 20, 40):
            yield "E", experts, model, (*words, f"experts.count={experts}"), BATCH
        for batch in (64, 1024) if quick else (32, 64, 128, 256, 512, 1024):
            yield "B", batch, model, (*words, f"experts.count={EXPERTS}"), batch
        for k in (1, 16) if quick else (1, 2, 4, 8, 16):
            yield "k", k, model, (*words, "gate=top_k", f"k={k}", "experts.count=16"), BATCH


def draw(costs: Sequence[Cost], path: Path) -> None:
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(9.6, 3.2), layout="constrained")
        for axes, (axis, label) in zip(figure.subplots(1, len(AXES), sharey=True), AXES.items(), strict=True):
            for model, colour in zip(MODELS, OKABE_ITO, strict=False):
                points = [(cost.value, cost.milliseconds) for cost in costs if (cost.axis, cost.model) == (axis, model)]
                axes.loglog(*zip(*points, strict=True), "o-", color=colour, markersize=3, label=model)
            axes.set_title("milliseconds a step" if axis == "E" else "")
            axes.set_xlabel(f"{axis}, {label}", loc="right")
            axes.grid(axis="y")
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def main(quick: bool) -> None:
    folder = RESULTS / "quick" if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    measured = []
    for cost in costs(quick):
        measured.append(cost)
        print(f"  {cost.axis}={cost.value:<5} {cost.model:<30} {cost.milliseconds:8.2f} ms", flush=True)
    write_csv(folder / "growth.csv", [asdict(cost) for cost in measured])
    draw(measured, folder / "growth.svg")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
