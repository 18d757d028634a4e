"""Applying overrides to an earlier run's config. No value of a stored config is ever parsed as an override."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moe_lab.config.compose import compose_leniently, parse
from moe_lab.config.explain import Choices, Config
from moe_lab.config.layered import ANY_NETWORK, LAYERS, NETWORK, OPTIONAL, OWN, TARGET, about, split
from moe_lab.config.sources import Sources, open_sources
from moe_lab.config.words import Word, vet
from moe_lab.errors import ConfigError, did_you_mean, joined


def vary(stored: Config, words: Sequence[str], config_dir: Path | None = None) -> tuple[Config, Choices]:
    """The stored config with the overrides applied, and the options that they choose, including those inside a chosen
    part.

    An override of a group replaces its part by the option as it is defined today. It also replaces the parts that the
    option chooses in other groups (a gate's objective), unless an override names them. Existing parts of a
    several-at-once group keep their values. Other overrides set keys of the resulting config. The caller must check the
    result like that of a command line. Raises ConfigError for an override that cannot be used.
    """
    sources = open_sources(config_dir)
    for text in words:
        vet(parse(text), sources)
    plain, layered = split(words)
    parsed = [parse(text) for text in plain]
    chosen = [word for word in parsed if word.key in sources.groups]
    base = _base(stored, chosen)
    composed, options = compose_leniently([*base, *(word.text for word in chosen)], config_dir)
    config = copy.deepcopy(stored)
    for word in chosen:
        _choose(config, composed, word, sources)
    keys = [word.key for word in chosen]
    for group in _chosen_along(options, keys, base, config_dir):
        config[group] = copy.deepcopy(composed[group])
        keys.append(group)
    for word in parsed:
        if word not in chosen:
            _set(config, word.key, word.value, word.text)
    own = _vary_layers(config, layered, config_dir)
    return config, own | {
        group: option
        for group, option in options.items()
        if any(group == key or group.startswith(f"{key}/") for key in keys)
    }


def _vary_layers(config: Config, layered: dict[str, list[str]], config_dir: Path | None) -> Choices:
    """Apply the overrides of single layers: to the layer's own settings if it has them, or else to a copy of the
    run's.
    """
    chosen: Choices = {}
    for layer, words in layered.items():
        if config.get(NETWORK) is None:
            raise ConfigError(f"{LAYERS}.{layer}.{words[0]}: the earlier run has no network, whose layers these are")
        node = config.setdefault(LAYERS, {}).setdefault(layer, {"_target_": TARGET})
        for name in OWN:
            if not (mine := about(name, words)):
                continue
            # varied like the part of a run
            there = {NETWORK: config[NETWORK], name: node.get(name) or config.get(name)}
            varied, options = vary(there, mine, config_dir)
            node[name] = varied[name]
            if name in options:
                chosen[f"{LAYERS}.{layer}.{name}"] = options[name]
    return chosen


def _base(stored: Config, chosen: Sequence[Word]) -> list[str]:
    """The word of any network, if the earlier run has a network and no word chooses another."""
    goes_on = stored.get(NETWORK) is not None and all(word.key != NETWORK for word in chosen)
    return [ANY_NETWORK] if goes_on else []


def _chosen_along(options: Choices, keys: Sequence[str], base: Sequence[str], config_dir: Path | None) -> list[str]:
    """The groups whose options follow from the chosen ones."""
    _, defaults = compose_leniently(base, config_dir)
    tops = [group for group in options if "/" not in group and group not in keys]
    return [group for group in tops if options[group] != defaults[group]]


def _choose(config: Config, composed: Config, word: Word, sources: Sources) -> None:
    if word.key in sources.several:
        mapping = f"{word.key}s"
        there = config.get(mapping, {})
        config[mapping] = {name: there.get(name, node) for name, node in composed[mapping].items()}
        return
    if word.key in OPTIONAL:
        config.pop(word.key, None)
        config |= {key: copy.deepcopy(value) for key, value in composed.items() if key == word.key}
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
