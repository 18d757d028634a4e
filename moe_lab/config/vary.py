"""An earlier run's config with some words changed. Nothing of a stored config is replayed as a word."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moe_lab.config.compose import compose_leniently, parse
from moe_lab.config.explain import Choices, Config
from moe_lab.config.sources import Sources, open_sources
from moe_lab.config.words import Word, vet
from moe_lab.errors import ConfigError, did_you_mean, joined


def vary(stored: Config, words: Sequence[str], config_dir: Path | None = None) -> tuple[Config, Choices]:
    """``stored`` with the words applied, and the options that they choose, those inside a
    chosen part included.

    A group's word replaces its part by the option as it is today, and those parts that the option chooses in other
    groups, where no word names them (a gate's objective); parts of a several-at-once group that were there already keep
    their values. Other words set keys that the config then has. The result is to be checked like a command line's.
    Raises ConfigError for a word that cannot be used.
    """
    sources = open_sources(config_dir)
    parsed = [parse(text) for text in words]
    for word in parsed:
        vet(word, sources)
    chosen = [word for word in parsed if word.key in sources.groups]
    composed, options = compose_leniently([word.text for word in chosen], config_dir)
    config = copy.deepcopy(stored)
    for word in chosen:
        _choose(config, composed, word, sources)
    keys = [word.key for word in chosen]
    for group in _chosen_along(options, keys, config_dir):
        config[group] = copy.deepcopy(composed[group])
        keys.append(group)
    for word in parsed:
        if word not in chosen:
            _set(config, word.key, word.value, word.text)
    return config, {
        group: option
        for group, option in options.items()
        if any(group == key or group.startswith(f"{key}/") for key in keys)
    }


def _chosen_along(options: Choices, keys: Sequence[str], config_dir: Path | None) -> list[str]:
    """The groups whose options follow from those that were chosen."""
    _, defaults = compose_leniently([], config_dir)
    tops = [group for group in options if "/" not in group and group not in keys]
    return [group for group in tops if options[group] != defaults[group]]


def _choose(config: Config, composed: Config, word: Word, sources: Sources) -> None:
    if word.key in sources.several:
        mapping = f"{word.key}s"
        there = config.get(mapping, {})
        config[mapping] = {name: there.get(name, node) for name, node in composed[mapping].items()}
        return
    place = word.key.replace("/", ".")
    node: Any = composed
    for step in place.split("."):
        node = node[step]
    _set(config, place, copy.deepcopy(node), word.text)


def _set(config: Config, key: str, value: Any, text: str) -> None:
    *path, last = key.split(".")
    node: Any = config
    for depth, step in enumerate([*path, last]):
        if not isinstance(node, dict) or step not in node:
            near = did_you_mean(step, list(node) if isinstance(node, dict) else [])
            raise ConfigError(f"{text}: the earlier run has no key '{joined('.'.join(path[:depth]), step)}'.{near}")
        if depth < len(path):
            node = node[step]
    node[last] = value
