"""Composing many configs quickly: Hydra runs once per choice of a group, choices of several groups are merged, and
other overrides are applied to plain values.
"""

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moe_lab.config.compose import MISSING, compose_leniently, expand, parse
from moe_lab.config.explain import Choices, Config, leaves
from moe_lab.config.layered import LAYERS, NETWORK, OPTIONAL
from moe_lab.config.sources import open_sources
from moe_lab.config.words import Word, vet
from moe_lab.errors import ConfigError

_CONTAINERS = (dict, list)
#: a value that is that of another key, named from the top
_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}", re.ASCII)


class Composer:
    """Composes like ``compose`` and ``choices``, in a fraction of the time if choices repeat."""

    def __init__(self, config_dir: Path | None = None) -> None:
        self.sources = open_sources(config_dir)
        self._config_dir = config_dir
        self._bases: dict[tuple[str, ...], tuple[Config, Choices]] = {}

    def alternatives(self, text: str) -> list[str]:
        """The overrides of one value each that ``text`` stands for. Raises ConfigError if it cannot be read."""
        return expand(text, self.sources)

    def word(self, text: str) -> Word:
        """An override of one value, parsed. Raises ConfigError if it cannot be used."""
        word = parse(text)
        vet(word, self.sources)
        return word

    def defaults(self) -> Config:
        return self._base(())[0]

    def fitting(self, words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
        """Separate the overrides that can be used together from those set aside because the chosen parts have no such
        key.
        """
        chosen = [word for word in words if word.key in self.sources.groups and "/" not in word.key]
        for word in sorted((word for word in words if self._is_inner(word)), key=lambda word: word.key.count("/")):
            if word.key in self._base(tuple(one.text for one in chosen))[1]:
                chosen.append(word)
        base = self._base(tuple(word.text for word in chosen))[0]
        used = [word for word in words if word in chosen or (not self._is_choice(word) and _takes(base, word))]
        return used, [word for word in words if word not in used]

    def compose(self, words: Sequence[Word]) -> tuple[Config, Choices]:
        """Config and choices of overrides that fit together. Raises ConfigError if they do not."""
        chosen = [word for word in words if self._is_choice(word)]
        base, choices = self._base(tuple(word.text for word in chosen))
        others = [word for word in words if not self._is_choice(word)]
        referring = {word.key: key for word in others if (key := _referred(base, word))}
        chained = referring.keys() & {*referring.values()}
        plain = all(word.key in referring or _is_plain(base, word) for word in others)
        if self.sources.refer or chained or not plain:
            base, choices = compose_leniently([word.text for word in words], self._config_dir)
            others, referring = [], {}
        config = copy.deepcopy(base)
        for word in others:
            _set(config, word.key, word.value)
        for key, other in referring.items():
            _set(config, key, _node(config, other))
        for key, value in leaves(config):
            if value == MISSING:
                raise ConfigError(f"{key} must be given: add {key}=VALUE")
        return config, choices

    def explain(self, words: Sequence[Word]) -> str:
        """The reason why the overrides cannot be used together; empty if they can."""
        try:
            compose_leniently([word.text for word in words], self._config_dir)
        except ConfigError as error:
            return str(error)
        return ""

    def _base(self, chosen: tuple[str, ...]) -> tuple[Config, Choices]:
        if chosen not in self._bases:
            together = None if self.sources.refer else self._together(chosen)
            self._bases[chosen] = together or compose_leniently(chosen, self._config_dir)
        return self._bases[chosen]

    def _together(self, chosen: tuple[str, ...]) -> tuple[Config, Choices] | None:
        """Config and choices, merged from groups that are composed alone, so that hundreds of pairs of options cost no
        more than the options.

        If an option chooses in another group (a gate its objective), an override of that group takes precedence.
        Returns None for a single group, for networks, on which the defaults of other groups depend, for groups that may
        have no node, and if groups cannot be composed alone or choose in the same other group.
        """
        groups: dict[str, list[str]] = {}
        for text in chosen:
            groups.setdefault(text.partition("=")[0].partition("/")[0], []).append(text)
        if len(groups) < 2 or groups.keys() & set(OPTIONAL) or not groups.keys() <= set(self.sources.groups):
            return None
        config, choices = self._base(())
        config, choices = {**config}, {**choices}
        places = {f"{group}s" if group in self.sources.several else group: group for group in groups}
        reached: set[str] = set()
        for place, group in places.items():
            try:
                alone, its_choices = self._base(tuple(groups[group]))
            except ConfigError:
                return None
            others = {key for key in alone if alone[key] != self.defaults()[key]} - places.keys()
            if others & reached:
                return None
            reached |= others
            config |= {key: alone[key] for key in {place} | others}
            owned = {self.sources.mappings.get(key, key) for key in {place} | others}
            choices = {key: one for key, one in choices.items() if key.partition("/")[0] not in owned}
            choices |= {key: one for key, one in its_choices.items() if key.partition("/")[0] in owned}
        return config, choices

    def _is_choice(self, word: Word) -> bool:
        return word.key in self.sources.groups

    def _is_inner(self, word: Word) -> bool:
        return self._is_choice(word) and "/" in word.key


def _takes(config: Config, word: Word) -> bool:
    """Whether a config has the key of an override; every network has the keys of single layers."""
    return config.get(NETWORK) is not None if is_layered(word) else _has(config, word.key)


def is_layered(word: Word) -> bool:
    return word.key.startswith(f"{LAYERS}.")


def _has(config: Config, key: str) -> bool:
    node = config
    for step in key.split("."):
        if not isinstance(node, dict) or step not in node:
            return False
        node = node[step]
    return True


def _node(config: Config, key: str) -> Any:
    node: Any = config
    for step in key.split("."):
        node = node[step]
    return node


def _set(config: Config, key: str, value: Any) -> None:
    *path, last = key.split(".")
    (_node(config, ".".join(path)) if path else config)[last] = value


def _referred(base: Config, word: Word) -> str:
    """The key of the single value that a word takes over for another single value: ``seed`` in
    ``dataset.split_seed=${seed}``; empty if its value is anything else."""
    found = _REFERENCE.fullmatch(word.value) if isinstance(word.value, str) else None
    if found is None or is_layered(word):
        return ""
    keys = (word.key, found[1])
    single = all(_has(base, key) and not isinstance(_node(base, key), _CONTAINERS) for key in keys)
    return found[1] if single else ""


def _is_plain(base: Config, word: Word) -> bool:
    """Whether Hydra would only replace one single value by the override's value."""
    if (
        is_layered(word)
        or isinstance(word.value, _CONTAINERS)
        or (isinstance(word.value, str) and ("$" in word.value or "?" in word.value))
    ):
        return False
    return not isinstance(_node(base, word.key), _CONTAINERS)
