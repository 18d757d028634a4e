"""The names of arms: the settings that distinguish them, as one would type them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from moe_lab.config.differences import is_undeciding
from moe_lab.reports.kit.choices import ABSENT, PARTS, lookup
from moe_lab.store.run import Run

SEEDS = ("seed", "seed_init", "seed_order")
AUTO = "default"
#: values of ``baseline`` with which a run has a gate, or the network of one
WITH_A_GATE = (ABSENT, AUTO, "none", "gate_as_classifier")

Differs = Mapping[str, Any]


def settings_of(differs: Differs) -> dict[str, str]:
    """A run's settings as words, without seeds and without those that do not affect its result."""
    return {key: word(value) for key, value in differs.items() if key not in SEEDS and not is_undeciding(key)}


def word(value: Any) -> str:
    """A value as one would type it; a part by its class name."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case Mapping() if "_target_" in value:
            return str(value["_target_"]).rpartition(".")[2]
        case Mapping():
            return "{" + ",".join(f"{key}:{word(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(word(item) for item in value) + "]"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def choice(key: str, status: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
    """A run's value of ``key``, even if it is the default; ABSENT if it has no such key.

    ``status`` has its ``differs`` and ``choices``. A seed that is not set separately is ``seed``.
    """
    for given in (status.get("differs") or {}, status.get("choices") or {}):
        if given.get(key) is not None:
            return given[key]
    node: Any = config
    for step in key.split("."):
        if not isinstance(node, Mapping) or step not in node:
            return ABSENT
        node = node[step]
    return config.get("seed") if node is None and key in SEEDS else node


def cell(value: Any) -> int | float | str:
    """A choice as a table cell: a number, or the word that one would type.

    Null is "none", because pandas reads "null" as a missing value.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return "none" if value is None else word(value)


def typed(words: Sequence[str]) -> dict[str, str]:
    """``["gate=softmax", "seed=1"]`` as settings by key; a word without ``=`` has no value."""
    pairs = (one.lstrip("+").partition("=")[::2] for one in words)
    return settings_of({key: value.replace(" ", "") for key, value in pairs})


def levels(arms: Sequence[tuple[dict[str, str], Run | None]]) -> list[dict[str, str]]:
    """For each arm, given by its settings and one of its runs, its value of every key in which arms differ.

    If an arm's settings lack a key, its value is the option of its group, or the value in config.yaml: ``default`` if
    that was filled in, a dash if the arm has no such key.
    """
    keys = _in_order(arms)
    found = [{key: settings.get(key) or _unsaid(key, run) for key in keys} for settings, run in arms]
    varying = [key for key in keys if len({here[key] for here in found}) > 1]
    return [{key: here[key] for key in varying} for here in found]


def _in_order(arms: Sequence[tuple[dict[str, str], Run | None]]) -> list[str]:
    """The keys that some arm sets: groups in the order of a config, then other keys in the order given."""
    groups = next((list(run.status.get("choices") or {}) for _, run in arms if run is not None), [])
    place = {group: at for at, group in enumerate(groups)}
    keys = dict.fromkeys(key for settings, _ in arms for key in settings)
    return sorted(keys, key=lambda key: place.get(key, len(place)))


def _unsaid(key: str, run: Run | None) -> str:
    if run is None:
        return AUTO
    chosen = run.status.get("choices") or {}
    if key in chosen:
        return word(chosen[key])
    if key in (run.status.get("auto_filled") or ()) or not (run.path / "config.yaml").is_file():
        return AUTO
    value = lookup(run.config, key)
    return ABSENT if value is None else word(value)


def arm_name(level: Mapping[str, str]) -> str:
    """``gate=attentive regularizer=[importance]``, without absent keys, and without empty lists unless alone."""
    words = {key: f"{key}={value}" for key, value in level.items() if value != ABSENT}
    return " ".join(one for key, one in words.items() if level[key] != "[]") or " ".join(words.values())


def short_names(arms: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each arm, given by its levels: ``attentive + importance k=2``.

    A part is named by its option, the number of experts by E, another choice by the last two steps of its key. The gate
    of a mixture in whose place a baseline stands is left out, unless it tells two arms apart. If two arms would have
    the same name, all are named by their full words.
    """
    for levels_of in ([without_gate(level) for level in arms], arms):
        short = [_short_name(level) for level in levels_of]
        if len(set(short)) == len(short):
            return short
    return [arm_name(level) for level in arms]


def without_gate(level: Mapping[str, str]) -> Mapping[str, str]:
    """The values of an arm without those of a gate that its baseline does not have."""
    if level.get("baseline", ABSENT) in WITH_A_GATE:
        return level
    return {key: value for key, value in level.items() if re.split("[./]", key)[0] != "gate"}


def _short_name(level: Mapping[str, str]) -> str:
    parts = {key: _short_part(value) for key, value in level.items() if _is_part(key)}
    values = [f"{_short_key(key)}={value}" for key, value in level.items() if not _is_part(key)]
    chosen = " + ".join(one for one in parts.values() if one)
    words = [chosen, *(one for one in values if not one.endswith(f"={ABSENT}"))]
    return " ".join(one for one in words if one) or (f"no {next(iter(parts))}" if parts else AUTO)


def _short_key(key: str) -> str:
    return "E" if key == "experts.count" else ".".join(key.split(".")[-2:])


def _is_part(key: str) -> bool:
    return "/" in key or key in {group for group, _ in PARTS.values()}


def _short_part(value: str) -> str:
    """``[importance,z_loss]`` -> ``importance + z_loss``; an empty list gives empty text."""
    return "" if value in (ABSENT, "none", "[]") else " + ".join(value.strip("[]").split(","))
