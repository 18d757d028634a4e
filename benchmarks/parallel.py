"""What a step on several processes costs: its time beside one process, the bytes that are sent, the memory of a rank.

``python -m benchmarks.parallel`` trains a network of one mixture layer (network=mlp, width 64, experts with a hidden
layer of 256, k = 2, Adam) on images drawn at random, with a thread for each process. It takes two minutes on two idle
cores, writes results/parallel.csv and prints its rows. ``--quick`` measures the first case alone, and writes nothing.

step_ratio:      time of a step on the ranks over the same step in one process, the median of pairs that take turns. On
                 fewer free cores than ranks it says more of the cores than of the ranks.
cpu_ratio:       the same of processor time, of the rank that takes most: what is left where every rank has a core.
sent_kilobytes:  what all ranks send in a step, single numbers left out.
rows_kilobytes:  the share of it that is rows of the layer: 2 k B (D + O) numbers, there and back, forward and backward,
                 of which (ranks - 1) / ranks go to another rank if experts are used alike.
held_megabytes:  parameters, their gradients and Adam's two numbers, of the rank that holds most.
alone_megabytes: the same of one process.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from benchmarks.problems import images, training
from moe_lab.layers.ranks import Ranks, among
from moe_lab.store.atomic import write_csv
from moe_lab.training.loop import Loop

RESULTS = Path(__file__).parent / "results" / "parallel.csv"
WIDTH, K, STEPS, ROUNDS = 64, 2, 6, 9
WORDS = ("dataset=mnist", "network=mlp", f"network.width={WIDTH}", "gate=top_k", f"k={K}", "experts.hidden=256")
#: experts, batch, ranks
CASES = [(8, 512, 2), (64, 512, 2), (256, 512, 2), (64, 128, 2), (64, 2048, 2), (64, 512, 4)]


def measured(quick: bool) -> Iterator[dict[str, float]]:
    for experts, batch, ranks in CASES[:1] if quick else CASES:
        with TemporaryDirectory() as folder:
            spawn(_rank, (experts, batch, ranks, Path(folder)), nprocs=ranks)
            found = [torch.load(Path(folder) / str(rank)) for rank in range(ranks)]
        first = found[0]
        busiest = [max(one["cpu"][number] for one in found) for number in range(ROUNDS)]
        counted = 2 * K * batch * 2 * WIDTH * 4 * (ranks - 1) / ranks
        yield {
            "experts": experts,
            "batch": batch,
            "ranks": ranks,
            "step_ratio": median(many / one for many, one in zip(first["wall"], first["wall_alone"], strict=True)),
            "cpu_ratio": median(many / one for many, one in zip(busiest, first["cpu_alone"], strict=True)),
            "sent_kilobytes": sum(one["sent"] for one in found) / 1e3,
            "rows_kilobytes": counted / 1e3,
            "held_megabytes": max(one["held"] for one in found) / 1e6,
            "alone_megabytes": first["held_alone"] / 1e6,
        }


def _rank(rank: int, experts: int, batch: int, count: int, folder: Path) -> None:
    words = [*WORDS, f"experts.count={experts}", f"trainer.batch_size={batch}", "trainer.dispatch=sparse"]
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=count)
    ranks, data = Ranks(), images(batch * STEPS)
    with among(ranks):
        loop = training(words, data)
    alone = training(words, data) if ranks.leads else None
    found: dict[str, list[float]] = {"wall": [], "cpu": [], "wall_alone": [], "cpu_alone": []}
    for number in range(ROUNDS + 1):
        dist.barrier()
        pair = [_step(alone) if alone is not None else (1.0, 1.0)]
        dist.barrier()
        sent = ranks.sent_bytes
        pair.append(_step(loop))
        # the first round serves to warm up
        if number > 0:
            for end, seconds in zip(("_alone", ""), pair, strict=True):
                found[f"wall{end}"].append(seconds[0])
                found[f"cpu{end}"].append(seconds[1])
    held = {"held": _held(loop), "held_alone": _held(alone) if alone is not None else 0}
    torch.save({**found, **held, "sent": (ranks.sent_bytes - sent) / STEPS}, folder / str(rank))
    dist.destroy_process_group()


def _step(loop: Loop) -> tuple[float, float]:
    """Seconds of time and of processor time that a step takes, the mean over an epoch."""
    wall, cpu = time.perf_counter(), time.process_time()
    loop.epoch()
    return (time.perf_counter() - wall) / STEPS, (time.process_time() - cpu) / STEPS


def _held(loop: Loop) -> int:
    """Bytes of parameters, gradients and Adam's two numbers for each."""
    return 4 * sum(one.numel() * one.element_size() for one in loop.learner.parameters())


def main(arguments: list[str]) -> None:
    quick = "--quick" in arguments
    found = []
    for row in measured(quick):
        found.append({name: float(f"{value:.4g}") for name, value in row.items()})
        print(found[-1], flush=True)
    if not quick:
        write_csv(RESULTS, found)


if __name__ == "__main__":
    main(sys.argv[1:])
