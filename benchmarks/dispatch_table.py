"""python -m benchmarks.dispatch_table: measure dense and sparse dispatch, and write moe_lab/mixture/dispatch.csv.

That table decides what ``trainer.dispatch=auto`` means, so it is measured on purpose, not by ``make bench``.
"""

from collections.abc import Iterator
from itertools import product

import torch

from benchmarks.__main__ import machine
from benchmarks.sparse_layer import CLASSES, own
from benchmarks.timing import interleaved
from moe_lab.layers.stacking import count_parameters
from moe_lab.mixture.dispatch import TABLE
from moe_lab.store.atomic import write_text

#: features and hidden width of an expert; no width: a linear one
EXPERTS = [(64, 16), (784, None), (784, 16), (784, 64), (784, 256)]
BATCHES, COUNTS, SELECTED = (64, 512), (4, 8, 16, 64), (1, 2, 4)
COLUMNS = ("device", "batch", "experts", "k", "parameters", "dense_over_sparse")


def main() -> None:
    facts = machine()
    head = [
        "# CPU time of forward and backward on one thread: dense dispatch over sparse dispatch",
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
    for (features, hidden), batch, experts, k in product(EXPERTS, BATCHES, COUNTS, SELECTED):
        if k == experts:
            continue
        draw = torch.Generator().manual_seed(0)
        x_BD = torch.randn(batch, features, generator=draw)
        y_B = torch.randint(CLASSES, (batch,), generator=draw)
        made = {way: own(experts, hidden, k, x_BD, y_B, way) for way in ("dense", "sparse")}
        multiply_adds = batch * experts * features * (hidden or CLASSES)
        seconds = interleaved({way: call for way, (_, call) in made.items()}, 5 if multiply_adds > 1e9 else 30)
        parameters = count_parameters(made["dense"][0].mixture.experts) // experts
        ratio = f"{seconds['dense'] / seconds['sparse']:.2f}"
        yield dict(zip(COLUMNS, ("cpu", batch, experts, k, parameters, ratio), strict=True))


if __name__ == "__main__":
    main()
