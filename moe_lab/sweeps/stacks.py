"""Which jobs of a sweep train as one program, and where that pays."""

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

#: shapes on which stacks and single runs were measured (benchmarks/stack_table.py writes it)
TABLE = Measured(
    Path(__file__).with_name("stack.csv"), ("device", "shared"), ("runs", "batch", "parameters"), "solo_over_stack"
)


@dataclass(frozen=True)
class Kind:
    """Jobs of one structure: what matters for the speed of a stack of them."""

    device: str
    batch: int
    parameters: int


def stacks(jobs: Sequence[Planned], workers: int, most: int) -> Iterator[list[Planned]]:
    """The jobs in groups that train together, in order of their first job; one that gains nothing by it is alone.

    Jobs of one structure make stacks of one order of samples, whose first layers are one wide product, or stacks of
    any order, which may be larger, of so many runs that all cost least by the table. A stack has at most ``most`` runs,
    and no more than leaves every worker something to do.
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
    """The time of runs one by one over that of a stack of them, at the measured shape that is nearest, in the runs, in
    the batch and in a run's parameters. On a kind of device that was not measured it is the number of calls that takes
    the time, so it is the number of runs."""
    shape = (runs, kind.batch, kind.parameters)
    ratio = TABLE.nearest([kind.device, "yes" if shared else "no"], shape) if runs > 1 else None
    return runs if ratio is None else ratio


def _cost(kind: Kind, found: Sequence[list[Planned]], shared: bool) -> float:
    """In the time of one run alone."""
    return sum(len(stack) / max(1, gain(kind, len(stack), shared)) for stack in found)


def stack_name(jobs: Sequence[Planned]) -> str:
    """The same for the same jobs in the same order."""
    return hashlib.sha256(" ".join(planned.job.key for planned in jobs).encode()).hexdigest()[:12]


def structures(jobs: Sequence[Planned]) -> Iterator[tuple[Kind, list[Planned]]]:
    """The jobs by structure, as the engine has it: jobs whose configs differ in seeds and in the trainer's own numbers
    alone are of one; of others that differ in numbers one each is built, and stacked on trial."""
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
    """What two configs of one structure have in common; without ``numbers``, what they must have in common."""
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
    """The jobs by the order of their samples."""
    orders: dict[int, list[Planned]] = {}
    for planned in jobs:
        orders.setdefault(seeds_of(planned.job.config).order, []).append(planned)
    return list(orders.values())


def _slices(jobs: list[Planned], size: int) -> list[list[Planned]]:
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]
