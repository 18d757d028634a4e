"""Alternatives to parts that do not fit: gates and objectives, found by trying all options."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from moe_lab.config.build import build, class_of
from moe_lab.config.compose import choices, compose, options
from moe_lab.errors import ConfigError
from moe_lab.parts.reasons import Reason, Unfit
from moe_lab.parts.roles import Config, Gate, Objective
from moe_lab.parts.sizes import Sizes

#: most options that are named
MOST = 3


def remedied(error: Unfit, config: Config, sizes: Sizes) -> ConfigError:
    """The same error, with the gates and objectives that would fit."""
    found = fitting(error.reason, config, sizes)
    return ConfigError(f"{error.subject} {error.reason.text(*found, *error.leave)}")


def fitting(reason: Reason, config: Config, sizes: Sizes) -> list[str]:
    """``take objective=...`` and ``take gate=...``, if there are options that fit: the default one if it does, else the
    first few.
    """
    found = {"objective": _objectives(reason, sizes), "gate": _gates(reason, config, sizes)}
    return [f"take {_listed(group, names)}" for group, one in found.items() if (names := _first(group, one))]


def _first(group: str, names: Iterator[str]) -> list[str]:
    first = list(islice(names, 1))
    return first if first == [_names(group)[0]] else first + list(islice(names, MOST - 1))


def _objectives(reason: Reason, sizes: Sizes) -> Iterator[str]:
    if reason.objective is None:
        return
    for name in _names("objective"):
        objective = _built("objective", name, sizes)
        if isinstance(objective, Objective) and objective.task in (None, sizes.task) and reason.objective(objective):
            yield name


def _gates(reason: Reason, config: Config, sizes: Sizes) -> Iterator[str]:
    if reason.gate is None:
        return
    for name in _names("gate"):
        node = _node("gate", name)
        k = config["k"] or node.get("k") or sizes.experts
        if class_of(node).task not in (None, sizes.task) or node == config["gate"] or k > sizes.experts:
            continue
        gate = _built("gate", name, replace(sizes, k=k))
        if isinstance(gate, Gate) and k in gate.usable_k and reason.gate(gate):
            yield name


@lru_cache(maxsize=128)
def _built(group: str, name: str, sizes: Sizes) -> Any:
    """An option as a part, or None if it cannot be built with these sizes. It serves questions alone: a grid asks the
    same ones of many combinations."""
    try:
        return build(_node(group, name), sizes)
    except ConfigError:
        return None


@cache
def _names(group: str) -> tuple[str, ...]:
    """The options of a group: that of the default config, then by name, last those with a data set's name, which are
    made for it."""
    first, of_data = str(choices([])[group]), {*options("dataset")}
    return first, *sorted({*options(group)} - {first}, key=lambda name: (name in of_data, name))


@cache
def _node(group: str, name: str) -> Config:
    """An option with its own defaults."""
    return compose([f"{group}={name}"])[group]


def _listed(group: str, names: list[str]) -> str:
    words = [f"{group}={name}" for name in names]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
