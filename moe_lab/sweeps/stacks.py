"""Which jobs of a sweep train as one program, and when that is faster."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from moe_lab.config.build import build
from moe_lab.experiment.inputs import seeds_of
from moe_lab.experiment.models import build_model
from moe_lab.layers.measured import Measured
from moe_lab.layers.stacking import count_parameters
from moe_lab.parts.roles import Config
from moe_lab.sweeps.plan import Planned
from moe_lab.training.members import Member
from moe_lab.training.stack import OWN, SEEDS, SHARED, Apart, together

#: times of stacks and single runs at some shapes (benchmarks/stack_table.py writes the file)
TABLE = Measured(
    Path(__file__).with_name("stack.csv"), ("device", "shared"), ("runs", "batch", "parameters"), "solo_over_stack"
)


@dataclass(frozen=True)
class Kind:
    """The properties of jobs of one structure that decide the speed of a stack of them."""

    device: str
    batch: int
    parameters: int


def stacks(jobs: Sequence[Planned], workers: int, most: int) -> Iterator[list[Planned]]:
    """Groups of jobs that train together, in order of their first job; a job that gains nothing by it is alone.

    Jobs of one structure are stacked in one of two ways, whichever costs less by the table: only jobs with the same
    order of samples, whose first layers become one wide product, or jobs with any orders, which allows larger stacks. A
    stack has at most ``most`` runs, and few enough that every worker has a task.
    """
    for kind, alike in structures(jobs):
        largest = min(most, math.ceil(len(alike) / workers))
        ways = [
            (shared, [stack for group in groups for stack in _slices(group, size)])
            for shared, groups in ((True, _orders(alike)), (False, [alike]))
            for size in range(largest, 0, -1)
        ]
        shared, found = min(ways, key=lambda way: _cost(kind, way[1], shared=way[0]))
        for stack in found:
            if gain(kind, len(stack), shared) > 1:
                yield stack
            else:
                yield from ([planned] for planned in stack)


@cache
def gain(kind: Kind, runs: int, shared: bool) -> float:
    """Speedup of a stack: the time of ``runs`` runs one by one, divided by the time of a stack of them.

    Taken from the nearest measured shape, in the number of runs, the batch size and a run's parameters. For a kind of
    device that was not measured it is the number of runs: there the number of calls takes the time.
    """
    shape = (runs, kind.batch, kind.parameters)
    ratio = TABLE.nearest([kind.device, "yes" if shared else "no"], shape) if runs > 1 else None
    return runs if ratio is None else ratio


def _cost(kind: Kind, found: Sequence[list[Planned]], shared: bool) -> float:
    """The cost of training these stacks, in units of the time of one run alone."""
    return sum(len(stack) / max(1, gain(kind, len(stack), shared)) for stack in found)


def stack_name(jobs: Sequence[Planned]) -> str:
    """The name of a stack: equal for the same jobs in the same order."""
    return hashlib.sha256(" ".join(planned.job.key for planned in jobs).encode()).hexdigest()[:12]


def structures(jobs: Sequence[Planned]) -> Iterator[tuple[Kind, list[Planned]]]:
    """Group the jobs by structure.

    Jobs whose configs differ only in seeds and in the trainer's own numbers have the same structure. If configs differ
    in other numbers, one job of each is built, and they are stacked on trial.
    """
    exact: dict[str, list[Planned]] = {}
    for planned in jobs:
        exact.setdefault(_signature(planned.job.config), []).append(planned)
    alike: dict[str, list[tuple[Member, list[Planned]]]] = {}
    for group in exact.values():
        config = group[0].job.config
        member, found = _member(config), alike.setdefault(_signature(config, numbers=False), [])
        for other, jobs_of_other in found:
            if _fit(other, member):
                jobs_of_other.extend(group)
                break
        else:
            found.append((member, list(group)))
    for found in alike.values():
        for member, group in found:
            yield _kind(group[0].job.config, member), group


def _signature(config: Config, numbers: bool = True) -> str:
    """A text to compare structures by: equal texts mean one structure; without ``numbers``, different texts mean
    different structures."""
    trainer = {name: value for name, value in config["trainer"].items() if name not in OWN}
    shared = {name: config.get(name) for name in SHARED}
    parts = {name: value for name, value in config.items() if name not in (*SEEDS, *SHARED, "trainer")}
    whole = [parts if numbers else _without_numbers(parts), trainer, shared]
    return json.dumps(whole, sort_keys=True)


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_numbers(item) for key, item in value.items()}
    return None if isinstance(value, int | float) and not isinstance(value, bool) else value


def _member(config: Config) -> Member:
    shape, class_names = build(config["dataset"]).describe()
    seeds = seeds_of(config)
    return Member(build_model(config, shape, len(class_names), seeds.init), build(config["trainer"]), seeds)


def _fit(one: Member, other: Member) -> bool:
    try:
        together([one, other])
    except Apart:
        return False
    return True


def _kind(config: Config, member: Member) -> Kind:
    device = config["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Kind(device, member.trainer.batch_size, count_parameters(member.learner))


def _orders(jobs: Sequence[Planned]) -> list[list[Planned]]:
    """Group the jobs by the order of their samples."""
    orders: dict[int, list[Planned]] = {}
    for planned in jobs:
        orders.setdefault(seeds_of(planned.job.config).order, []).append(planned)
    return list(orders.values())


def _slices(jobs: list[Planned], size: int) -> list[list[Planned]]:
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]
