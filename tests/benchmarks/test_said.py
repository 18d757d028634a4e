"""Sentences of benchmarks/README.md are computed again from the kept results."""

import csv

import numpy as np
import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.__main__ import RESULTS
from benchmarks.problems import PAPER_MNIST, images, training
from benchmarks.rows import read_rows
from moe_lab.sweeps.stacks import TABLE as STACKS
from tests.docs.sentences import Said, number, prose

PAPER, WIDE = "the paper's MNIST networks", "one hidden layer of 256"


def ratios(name, *words):
    """Of the cases with all these words."""
    return [row.ratio for row in read_rows(RESULTS / f"{name}.csv") if all(word in row.case for word in words)]


def ends(values, digits=2):
    return tuple(number(end, digits) for end in (min(values), max(values)))


def growth(axis, model):
    """Value of the axis -> milliseconds."""
    with (RESULTS / "growth.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["axis"], row["model"]) == (axis, model)]
    return {int(row["value"]): float(row["milliseconds"]) for row in rows}


def line(axis, model):
    """Milliseconds for one more, and of none, by least squares."""
    found = growth(axis, model)
    return np.polyfit(list(found), list(found.values()), 1)


def slope(axis, model):
    return line(axis, model)[0]


def times_one(model):
    found = growth("R", model)
    return number(found[16] / found[1], 1)


def slower(*words):
    """The time of the mixture over that of the plain network: the least and the largest."""
    return ends([1 / one for one in ratios("layers", "two layers", *words)])


few = [one for experts in ("E=8 ", "E=16 ") for one in ratios("sparse_layer", experts, "split and loop")]
many = [one for experts in ("E=64 ", "E=256 ") for one in ratios("sparse_layer", experts, "split and loop")]
wide = [
    one for experts in ("E=8 H=256", "E=16 H=256") for one in ratios("sparse_layer", experts, "dense of the active")
]
packages = ratios("sparse_layer", "mixture-of-experts") + ratios("sparse_layer", "st-moe-pytorch")
[loop], [grouped] = ratios("layers", "geometric mean", "loop"), ratios("layers", "geometric mean", "grouped")
[of_sixty], [of_300] = ratios("traces", "k=1, 60 s"), ratios("traces", "k=8, 300 s")
[of_one], [of_two] = ratios("traces", "k=1, 1 GiB"), ratios("traces", "k=8, 2 GiB")
recorder = [100 * (1 / one - 1) for one in ratios("recording", "D=")]


def stack(runs, parameters):
    """The CPU time of a run in a stack, over that of a run alone: on one order of samples, batches of 512."""
    key = ["yes", str(runs), "512", str(parameters)]
    rows = (line.split(",") for line in STACKS.path.read_text().splitlines() if line.startswith("cpu,"))
    [time] = [1 / float(row[-1]) for row in rows if row[1:5] == key]
    return time


SAID = [
    Said(
        "The ratios of target 1 are {} and, with the similarity regularizer, {},",
        (number(ratios("reference", "without")[0], 1), number(ratios("reference", "similarity")[0], 1)),
    ),
    Said(
        "An expert more costs {} ms of the paper's networks and {} with a hidden layer of 256, a sample more {:.0f} "
        "and {:.0f} µs at ten experts, and what does not grow with the batch {} and {} ms",
        (
            number(slope("E", PAPER), 2),
            number(slope("E", WIDE), 1),
            1e3 * slope("B", PAPER),
            1e3 * slope("B", WIDE),
            *(number(line("B", model)[1], 1) for model in (PAPER, WIDE)),
        ),
    ),
    Said("and what does not grow with the batch {}: 12 ms", (number(line("B", PAPER)[1], 1),)),
    Said("k = 1 of 16 takes {} of the time of k = 16", (number(growth("k", WIDE)[1] / growth("k", WIDE)[16], 2),)),
    Said("at batch 128 take {} times the time of one", (times_one(PAPER),)),
    Said("two million parameters a run, they take {} times the time of one.", (times_one(WIDE),)),
    Said("with 256 hidden features {} to {} of its speed)", ends(wide)),
    Said("({} to {} at E = 8 and 16, {} to {} from E = 64 on)", (*ends(few), *ends(many))),
    Said("and {} to {} times faster than the layers of PyPI.", ends(packages, 1)),
    Said("takes {} (256 images) to {} times (64 images)", slower("E=8 k=1")),
    Said("twice the width, it takes {} to {} times.", slower("E=8 k=2")),
    Said("it takes {} times at 256 images, which are 64 rows an expert, and {} times at 64 images", slower("E=64 k=1")),
    Said("With k = 2 it is {} and {} times.", slower("E=64 k=2")),
    Said("{} to {} where D = 64,", ends(ratios("layers", "D=64", "grouped"))),
    Said(
        "{} times in the geometric mean. Against its grouped product the mean is {}:",
        (number(loop, 1), number(grouped, 2)),
    ),
    Said("takes {:.0f} s and {} GiB with k = 1", (60 / of_sixty, number(1 / of_one, 2))),
    Said("and {:.0f} s and {} GiB with k = 8", (300 / of_300, number(2 / of_two, 2))),
    Said("and in the recorder {}, {} and {} % more", tuple(f"{one:.1f}" for one in recorder)),
]


class Operations(TorchDispatchMode):
    """Counts what torch dispatches."""

    count = 0

    def __torch_dispatch__(self, called, types, args=(), kwargs=None):
        self.count += 1
        return called(*args, **(kwargs or {}))


def test_how_many_operations_a_step_dispatches():
    """Of a second epoch of two batches, when Adam has its state."""
    found = []
    for words, batch, shape in (
        ((*PAPER_MNIST, "experts.count=10"), 32, (1, 28, 28)),
        (("dataset=digits",), 64, (1, 8, 8)),
    ):
        loop = training((*words, f"trainer.batch_size={batch}"), images(2 * batch, shape))
        loop.epoch()
        with Operations() as operations:
            loop.epoch()
        found.append(operations.count // 2)
    said = "the paper's networks dispatches {} operations of torch, that of the default run on digits {}"
    assert said.format(*found) in prose("../benchmarks/README.md")


def test_what_a_stack_gains():
    at_128, at_512 = ([1 / one for one in ratios("stack", f"batch {size}, against solo")] for size in (128, 512))
    assert ends(at_128) == (".44", ".44")
    said = "{} of the CPU time of a single run at a batch of 128, and {} to {} at 512".format(
        ends(at_128)[0], *ends(at_512)
    )
    assert said in prose("stack.md")
    # a third less
    assert stack(16, 775_913) == pytest.approx(2 / 3, abs=0.02)
    assert f"and {100 * (1 - stack(16, 2_043_150)):.0f} % with two million" in prose("stack.md")
    assert f"take {number(stack(8, 32_973), 2)} of the CPU time" in prose("studies.md")


@pytest.mark.parametrize("said", SAID, ids=[one.words[:40] for one in SAID])
def test_a_sentence_has_the_numbers_of_the_kept_results(said):
    assert said.text in prose("../benchmarks/README.md")
