"""A run's choices as text: those that differ from the defaults, the main ones, and names for nested parts."""

from collections.abc import Mapping
from typing import Any

Choices = dict[str, str]
ABSENT = "\N{EN DASH}"

#: the option of the group network for a single mixture, which is not listed
NO_NETWORK = "none"

#: parts, named by their option: label -> (group, the part's place in the config)
PARTS = {
    "data set": ("dataset", "dataset"),
    "network": ("network", "network"),
    "expert": ("experts", "experts"),
    "gate": ("gate", "gate"),
    "objective": ("objective", "objective"),
    "baseline": ("baseline", "baseline"),
    "regularizers": ("regularizer", "regularizers"),
    "controllers": ("controller", "controllers"),
    "recipe": ("recipe", "recipe"),
}
#: single values: label -> their place in the config
VALUES = {
    "experts (E)": "experts.count",
    "selected experts (k)": "k",
    "combination": "gate.combine",
    "epochs": "trainer.epochs",
    "batch size": "trainer.batch_size",
    "optimizer": "trainer.optimizer",
    "learning rate": "trainer.lr",
    "weight decay": "trainer.weight_decay",
    "validation share": "dataset.validation_share",
    "seed": "seed",
    "device": "device",
}


def main_choices(config: Mapping[str, Any], status: Mapping[str, Any]) -> Choices:
    """label -> value, for the main choices in the config."""
    options = status.get("choices") or {}
    parts = {label: _option(group, options, lookup(config, key)) for label, (group, key) in PARTS.items()}
    if parts["network"] == NO_NETWORK:
        parts["network"] = None
    values = {label: lookup(config, key) for label, key in VALUES.items()}
    return {label: text for label, text in parts.items() if text is not None} | {
        label: described(value) for label, value in values.items() if value is not None
    }


def _option(group: str, options: Mapping[str, Any], node: Any) -> str | None:
    """A part by its options and those of the parts inside it; several parts by their names and weights."""
    name = options.get(group)
    if not isinstance(name, str):
        return None if node is None else described(node)
    inner = [f"{key.rpartition('/')[2]} {one}" for key, one in options.items() if key.startswith(f"{group}/")]
    return f"{name} ({', '.join(inner)})" if inner else name


def differing_choices(status: Mapping[str, Any]) -> Choices:
    """The choices that differ from the defaults, from status.json; a part by its class name."""
    return {key: described(value) for key, value in _short_targets(status.get("differs") or {}).items()}


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """``config["a"]["b"]`` for ``"a.b"``; None if it is absent."""
    node: Any = config
    for step in key.split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    return node


def described(value: Any) -> str:
    """A config value in a few words; a part by its class name and those of the parts inside it."""
    match value:
        case Mapping() if "_target_" in value:
            return _part(value)
        case Mapping():
            return ", ".join(_named(name, node) for name, node in value.items()) or "none"
        case list() | tuple():
            words = [f"[{described(item)}]" if isinstance(item, list | tuple) else described(item) for item in value]
            return ", ".join(words) or "none"
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _named(name: str, node: Any) -> str:
    """One of several parts: its name, and its weight if it has one."""
    if not isinstance(node, Mapping):
        return f"{name}: {described(node)}"
    weight = node.get("weight")
    return name if weight is None else f"{name} (weight {described(weight)})"


def _part(node: Mapping[str, Any]) -> str:
    name = str(node["_target_"]).rpartition(".")[2]
    inner = _inner(node)
    return f"{name} ({inner})" if inner else name


def _inner(node: Mapping[str, Any]) -> str:
    parts = {key: part for key, part in node.items() if isinstance(part, Mapping) and "_target_" in part}
    return ", ".join(f"{key} {_part(part)}" for key, part in parts.items())


def _short_targets(values: Mapping[str, Any]) -> dict[str, Any]:
    """``gate.score._target_: moe_lab.parts.gates.score.mlp.Mlp`` as ``gate.score: Mlp``."""
    return {
        key.removesuffix("._target_"): str(value).rpartition(".")[2] if key.endswith("._target_") else value
        for key, value in values.items()
    }
