"""python -m benchmarks.stack_table: measure stacks against runs one by one, and write moe_lab/sweeps/stack.csv.

That table decides which jobs of a sweep `launcher=stacked` trains as one program, so it is measured on purpose, not by
``make bench``.
"""

from collections.abc import Iterator
from itertools import product

from benchmarks.__main__ import machine
from benchmarks.problems import images, training
from benchmarks.timing import interleaved
from moe_lab.layers.stacking import count_parameters
from moe_lab.store.atomic import write_text
from moe_lab.sweeps.stacks import TABLE

#: models from small to large: shape of an image, overrides
MODELS = [
    ((1, 8, 8), ("experts.hidden=16", "gate/score=linear")),
    ((1, 8, 8), ()),
    ((1, 28, 28), ("experts.hidden=32", "gate/score=linear")),
    ((1, 28, 28), ("experts=paper_mnist", "gate/score/body=paper_mnist")),
    ((1, 28, 28), ("experts=paper_fashion_mnist", "gate/score/body=paper_fashion_mnist")),
    ((1, 28, 28), ("experts=mlp", "experts.hidden=256", "experts.count=10", "gate/score=linear")),
]
BATCHES, RUNS = (64, 512), (2, 4, 8, 16)
COLUMNS = ("device", "shared", "runs", "batch", "parameters", "solo_over_stack")


def main() -> None:
    facts = machine()
    head = [
        "# CPU time of training on one thread: runs one by one over a stack of them",
        "# shared: whether the runs share the order of samples; parameters: of one run",
        f"# {facts['date']}",
        f"# cpu: {facts['cpu']}, torch {facts['versions']['torch']}",
        ",".join(COLUMNS),
    ]
    lines = []
    for row in shapes():
        lines.append(",".join(str(row[name]) for name in COLUMNS))
        print(lines[-1], flush=True)
    write_text(TABLE.path, "\n".join([*head, *lines, ""]))


def shapes() -> Iterator[dict[str, object]]:
    for (shape, words), batch in product(MODELS, BATCHES):
        data = images(2 * batch, shape)
        words = ("dataset=digits" if shape[-1] == 8 else "dataset=mnist", *words, f"trainer.batch_size={batch}")
        solo = training(words, data)
        for runs, shared in product(RUNS, (True, False)):
            stack = training(words, data, runs, shared)
            seconds = interleaved({"solo": solo.epoch, "stack": stack.epoch}, 5)
            ratio = f"{seconds['solo'] * runs / seconds['stack']:.2f}"
            values = ("cpu", "yes" if shared else "no", runs, batch, count_parameters(solo.learner), ratio)
            yield dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    main()
