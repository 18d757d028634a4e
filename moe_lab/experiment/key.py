"""The key of a job: equal for configs that give the same numbers."""

from pathlib import Path
from typing import Any

from moe_lab.experiment.inputs import seeds_of
from moe_lab.parts.roles import Config, Gate, Objective
from moe_lab.store.atomic import checksum
from moe_lab.store.checkpoint import NEWEST


def _canonical(config: Config, gate: Gate, objective: Objective) -> Config:
    """The config with everything written as what it means, so that aliases have one key: null options of the gate's
    parts as they resolve, objectives by another's name, seeds as they are used, runs that it begins from by what they
    hold, and without numbers that nothing reads."""
    trainer = {**config["trainer"]}
    if trainer["optimizer"] != "sgd":
        trainer.pop("momentum")
    seeds = seeds_of(config)
    used = {"seed": seeds.noise, "seed_init": seeds.init, "seed_order": seeds.order}
    mixes_probabilities = config["gate"]["combine"] == "probabilities"
    named = objective.alias if objective.alias and mixes_probabilities else config["objective"]
    gate_node = {**_filled(config["gate"], gate), "k": config["k"]}
    # a key that came later: without it a config means what it always meant
    config = {name: value for name, value in config.items() if name != "classes" or value is not None}
    taken = {
        "recipe": _by_content(config["recipe"]),
        "regularizers": {name: _by_content(node) for name, node in config["regularizers"].items()},
    }
    return {**config, **used, **taken, "trainer": trainer, "objective": named, "gate": gate_node}


def _by_content(node: Config) -> Config:
    """A part that takes something from a finished run, with what this holds in place of where it lies."""
    if not isinstance(node.get("run"), str):
        return node
    return {**node, "run": checksum((Path(node["run"]).expanduser() / NEWEST).read_bytes())}


def _filled(node: Config, part: Any) -> Config:
    inner = {name: _filled(one, getattr(part, name, None)) for name, one in node.items() if _is_part(one)}
    return {**node, **getattr(part, "resolved", {}), **inner}


def _is_part(node: Any) -> bool:
    return isinstance(node, dict) and "_target_" in node
