"""The key of a job: equal for configs that give the same numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moe_lab.config.build import build, class_of
from moe_lab.experiment.inputs import seeds_of
from moe_lab.experiment.options import Experiment
from moe_lab.parts import Config, Gate, Objective
from moe_lab.store.learned import digest


def canonical(config: Config, gate: Gate, objective: Objective, content: Mapping[str, str]) -> Config:
    """Canonical form: equivalent configs get one key.

    Null options of parts enter as their resolved values, an alias of an objective as its meaning, seeds as they are
    used, and a run from which a part starts by its learned tensors. ``content`` are facts besides the options that
    decide the data's content (``Dataset.content``). An option that has its class's ``absent`` value is left out, so
    that an option of a later version changes no key of an earlier one.
    """
    seeds = seeds_of(config)
    mixes_probabilities = config["gate"]["combine"] == "probabilities"
    whole = {
        **config,
        "dataset": {**config["dataset"], **content},
        "seed": seeds.noise,
        "seed_init": seeds.init,
        "seed_order": seeds.order,
        "gate": {**_filled(config["gate"], gate), "k": config["k"]},
        "objective": objective.alias if objective.alias and mixes_probabilities else config["objective"],
        "trainer": _filled(config["trainer"], build(config["trainer"])),
        "recipe": _by_content(config["recipe"]),
        "regularizers": {name: _by_content(node) for name, node in config["regularizers"].items()},
    }
    return _without_absent(whole, Experiment.absent)


def without_processes(deciding: Config) -> Config:
    """The config without the number of processes, which changes results only by rounding."""
    if deciding.get("parallel") is None:
        return deciding
    parallel = {key: value for key, value in deciding["parallel"].items() if key != "processes"}
    return {**deciding, "parallel": parallel}


def _filled(node: Config, part: Any) -> Config:
    inner = {name: _filled(one, getattr(part, name, None)) for name, one in node.items() if _is_part(one)}
    return {**node, **getattr(part, "resolved", {}), **inner}


def _by_content(node: Config) -> Config:
    """A part that starts from a finished run, with a digest of the run's learned tensors in place of its path."""
    if not isinstance(node.get("run"), str):
        return node
    return {**node, "run": digest(Path(node["run"]).expanduser())}


def _without_absent(node: Config, absent: Mapping[str, Any]) -> Config:
    """The node without options that have their absent value, and all parts in it likewise."""
    kept = {name: value for name, value in node.items() if name not in absent or value != absent[name]}
    return {
        name: _without_absent(value, getattr(class_of(value), "absent", {}) if _is_part(value) else {})
        if isinstance(value, dict)
        else value
        for name, value in kept.items()
    }


def _is_part(node: Any) -> bool:
    return isinstance(node, dict) and "_target_" in node
