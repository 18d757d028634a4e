"""The identity of a config: its key, and its differences from the defaults, as overrides."""

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from moe_lab.config.build import class_of
from moe_lab.config.compose import compose_leniently
from moe_lab.config.explain import Config, leaves
from moe_lab.config.layered import LAYERS, NETWORK, OWN, prefixed
from moe_lab.config.sources import Sources, open_sources
from moe_lab.errors import ConfigError, joined

#: keys whose values do not affect a run's result
UNDECIDING = (
    "device",
    "trainer.threads",
    "trainer.dispatch",
    "trainer.checkpoint_seconds",
    "dataset.root",
    "difficulty_from",
    "parallel.timeout_seconds",
)


#: prefix of a key: the version of its format, raised whenever the same config would get another key. ``_FIRST`` matches
#: keys of version 1, which had no prefix.
FORMAT = "2-"
_FIRST = re.compile(r"[0-9a-f]{64}")


def config_key(config: Config) -> str:
    """``FORMAT`` and the hex SHA-256 of the values that affect the result: equal for equivalent configs.

    A part of moe_lab enters by the name of its class, without its module: its role follows from its place in the
    config. A user's own part enters by its whole name.
    """
    deciding = {key: _deciding(key, value) for key, value in leaves(config) if not is_undeciding(key)}
    return FORMAT + hashlib.sha256(json.dumps(deciding, sort_keys=True, allow_nan=False).encode()).hexdigest()


def of_earlier_format(key: Any) -> bool:
    """Whether a stored value is a key of an earlier format, which cannot be compared with keys made now."""
    return isinstance(key, str) and _FIRST.fullmatch(key) is not None


def differences(
    config: Config,
    defaults: Config,
    chosen: dict[str, Any],
    config_dir: Path | None = None,
    earlier: Config | None = None,
) -> Config:
    """The differences of a composed config from ``defaults``, which was composed without words.

    A part is named by its option (``gate: attentive``, ``gate/score: linear``, ``regularizer: [importance]``): the
    ``chosen`` one of its group. If none is chosen, it is the option of the part's class that leaves the fewest
    differing values, where the default wins a tie; or the name of the class, if no option has it. Then follow the
    values that differ from the option's own file (``regularizers.importance.weight: 0.3``). A value that the config
    lacks is None.

    ``earlier`` replaces the files of chosen options that have none here: the config of an earlier run without the
    values in which it differed from its own files (``unchanged``).
    """
    return Comparison(defaults, config_dir).differences(config, chosen, earlier)


def unchanged(config: Config, differs: Config) -> Config:
    """A run's config without the values that its stored differences ``differs`` name."""
    kept = copy.deepcopy(config)
    for key in differs:
        *path, last = key.replace("/", ".").split(".")
        node = _at(kept, path)
        if path and not (isinstance(node.get(last), dict) and "/" not in key):
            node.pop(last, None)
    return kept


def is_undeciding(key: str) -> bool:
    """Whether a key or a group does not affect a run's result, such as loggers, which only observe."""
    return key in UNDECIDING or key.partition(".")[0] in ("logger", "loggers")


def is_absent(node: Config, option: str, value: Any) -> bool:
    """Whether a node without the option means the same as this value, because the class treats nodes stored before the
    option existed so."""
    if "_target_" not in node:
        return False
    absent = getattr(class_of(node), "absent", {})
    return option in absent and absent[option] == value


class Comparison:
    """Compares many configs with one; the folders of options are read only once."""

    def __init__(self, defaults: Config, config_dir: Path | None = None) -> None:
        self._defaults = defaults
        self._config_dir = config_dir
        self._sources = open_sources(config_dir)

    def differences(self, config: Config, chosen: dict[str, Any], earlier: Config | None = None) -> Config:
        """The same as the function ``differences``. Options that a network chooses in other groups are its defaults and
        are not named."""
        walk = _Walk(chosen, self._config_dir, self._sources, earlier or {})
        option = chosen.get(NETWORK)
        if config.get(NETWORK) is None or option not in self._sources.options(NETWORK):
            return dict(walk.nodes(config, self._defaults, "", ()))
        words = (f"{NETWORK}={option}",)
        base, _ = _composed(words, self._config_dir)
        own = walk.nodes(config[NETWORK], base[NETWORK], NETWORK, words)
        ours, theirs = ({k: v for k, v in one.items() if k not in (NETWORK, LAYERS)} for one in (config, base))
        found = {NETWORK: option, **dict(own), **dict(walk.nodes(ours, theirs, "", words))}
        for layer, node in (config.get(LAYERS) or {}).items():
            of_layer = _Walk(chosen, self._config_dir, self._sources, _at(earlier or {}, (LAYERS, layer)))
            found |= prefixed(layer, of_layer.layer(layer, node, words))
        return found


class _Walk:
    """Walks two configs side by side and yields the differences as (word, value) pairs."""

    def __init__(self, chosen: dict[str, Any], config_dir: Path | None, sources: Sources, earlier: Config) -> None:
        self._chosen = chosen
        self._config_dir = config_dir
        self._sources = sources
        self._earlier = earlier

    def nodes(self, node: Config, base: Config, where: str, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """The differences of a node from ``base``, which was composed with the choices ``words``."""
        for key in [*node, *(key for key in base if key not in node)]:
            ours, theirs, place = node.get(key), base.get(key), joined(where, key)
            if ours == theirs or (key not in node and is_absent(node, key, theirs)):
                continue
            if place in self._sources.mappings and isinstance(ours, dict):
                yield from self._several(self._sources.mappings[place], ours, theirs or {})
            elif isinstance(ours, dict) and place.replace(".", "/") in self._sources.groups:
                yield from self._single(place.replace(".", "/"), ours, place, words)
            elif isinstance(ours, dict) and isinstance(theirs, dict):
                yield from self.nodes(ours, theirs, place, words)
            else:
                yield place, ours

    def layer(self, layer: str, node: Config, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """The settings of a single layer. The option of a part is always named, because a layer's part is composed
        alone."""
        for name in OWN:
            if node.get(name) is None:
                continue
            if name not in self._sources.groups:
                yield name, node[name]
                continue
            option, own, chosen = self._best(
                name, node[name], name, words, self._chosen.get(f"{LAYERS}.{layer}.{name}")
            )
            yield name, option
            yield from self.nodes(node[name], own, name, chosen)

    def _single(self, group: str, node: Config, place: str, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        default = _composed(words, self._config_dir)[1].get(group)
        option, own, chosen = self._best(group, node, place, words, self._chosen.get(group))
        if option != default:
            yield group, option
        yield from self.nodes(node, own, place, chosen)

    def _best(
        self, group: str, node: Config, place: str, words: tuple[str, ...], taken: Any
    ) -> tuple[str, Config, tuple[str, ...]]:
        """The option from which a node was most likely made, the node that it composes at ``place``, and the words that
        do so. Of an option that has no file here the node is the earlier run's, and no word composes it."""
        default = _composed(words, self._config_dir)[1].get(group)
        ranked = []
        for option in self._candidates(group, node, taken):
            chosen = (*words, f"{group}={option}")
            own = self._node_at(place, chosen)
            if option == taken or own.get("_target_") == node.get("_target_"):
                ranked.append((_distance(node, own), option != default, option, own, chosen))
        if not ranked:
            name = taken if isinstance(taken, str) else str(node.get("_target_")).rpartition(".")[2]
            return name, _at(self._earlier, place.split(".")), words
        *_, option, own, chosen = min(ranked, key=lambda one: one[:3])
        return option, own, chosen

    def _candidates(self, group: str, node: Config, taken: Any) -> list[str]:
        """The option ``taken``, none if it has no file here. If no option is known to be taken, those whose files have
        the node's class, else all. Each one costs a composition."""
        options = self._sources.options(group)
        if taken is not None:
            return [one for one in options if one == taken]
        alike = [one for one in options if self._sources.node(group, one).get("_target_") == node.get("_target_")]
        return alike or options

    def _several(self, group: str, node: Config, base: Config) -> Iterator[tuple[str, Any]]:
        if list(node) != list(base):
            yield group, list(node)
        known = [name for name in node if name in self._sources.options(group)]
        for name in node:
            chosen = (f"{group}=[{name}]",) if name in known else ()
            place = f"{group}s.{name}"
            own = self._node_at(place, chosen) if chosen else _at(self._earlier, place.split("."))
            yield from self.nodes(node[name], own, place, chosen)

    def _node_at(self, place: str, words: tuple[str, ...]) -> Config:
        """The node that ``words`` compose at ``place``; empty if they cannot be composed."""
        try:
            composed = _composed(words, self._config_dir)[0]
        except ConfigError:
            return {}
        return _at(composed, place.split("."))


@lru_cache(maxsize=1024)
def _composed(words: tuple[str, ...], config_dir: Path | None) -> tuple[Config, dict[str, Any]]:
    """Config and choices, cached because a sweep compares every job with the same few options."""
    return compose_leniently(words, config_dir)


def _at(config: Config, path: Sequence[str]) -> Config:
    """The node at ``path`` of a config; empty if there is none."""
    node: Any = config
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def _distance(one: Config, other: Config) -> int:
    """The number of values in which two nodes differ."""
    ours, theirs = dict(leaves(one)), dict(leaves(other))
    return sum(1 for key in ours.keys() | theirs.keys() if ours.get(key, leaves) != theirs.get(key, leaves))


def _deciding(key: str, value: Any) -> Any:
    if key.rpartition(".")[2] == "_target_" and str(value).startswith("moe_lab."):
        return str(value).rpartition(".")[2]
    return _same_number(value)


def _same_number(value: Any) -> Any:
    """The value, with 1.0 as 1, so that the spelling of a number does not matter."""
    if isinstance(value, list):
        return [_same_number(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
