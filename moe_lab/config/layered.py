"""Overrides for one mixture layer of a network: ``layers.block1.gate=switch`` is the override ``gate=switch`` of
block1.
"""

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moe_lab.errors import ConfigError, did_you_mean, there_are

Config = dict[str, Any]
Choices = dict[str, str | list[str]]
Compose = Callable[[tuple[str, ...]], tuple[Config, Choices]]

#: the group whose option decides whether gate and experts are those of mixture layers
NETWORK = "network"
#: the word of any network, if no other is known: gate and experts are those of mixture layers then
ANY_NETWORK = f"{NETWORK}=mlp"
#: the group whose default depends on whether there is a network
SCORE = "gate/score"
#: groups whose option ``none`` has no node in a config
OPTIONAL = (NETWORK, "parallel")
LAYERS = "layers"
#: groups and keys that may be set for a single layer
OWN = ("gate", "experts", "k")
#: the class of a layer's node in a config
TARGET = "moe_lab.models.own.OwnParts"
_WORD = re.compile(r"layers\.(?P<layer>[A-Za-z_]\w*)\.(?P<word>.+)", re.ASCII | re.DOTALL)


def score_in_a_network(default: str) -> str:
    """The score that a mixture layer's gate takes in place of its default one, unless a word chooses: ``linear`` for
    ``network``, because the input of a layer is already features."""
    return "linear" if default == "network" else default


def layer_and_word(text: str) -> tuple[str, str] | None:
    """Split a text into the layer and its override; None if it is not about one layer. Raises ConfigError if it begins
    like one but has another form.
    """
    if not re.match(r"[+~]*layers\b", text):
        return None
    if found := _WORD.fullmatch(text):
        return found["layer"], found["word"]
    raise ConfigError(f"'{text}': write layers.BLOCK.KEY=VALUE, such as layers.block1.gate=switch")


def split(words: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Separate the overrides of the run from those of each layer."""
    plain: list[str] = []
    layered: dict[str, list[str]] = {}
    for text in words:
        if found := layer_and_word(text):
            layered.setdefault(found[0], []).append(found[1])
        else:
            plain.append(text)
    return plain, layered


def head(key: str) -> str:
    """The first part of a key, such as ``gate`` for ``gate/score`` and ``gate.k``."""
    return re.split(r"[./]", key, maxsplit=1)[0]


def vet_head(text: str, key: str) -> None:
    """Raise ConfigError if the key cannot be set for a single layer."""
    if head(key) not in OWN:
        hint = did_you_mean(head(key), OWN) or there_are(OWN)
        raise ConfigError(f"{text}: a layer has no {head(key)} of its own.{hint}")


def about(name: str, words: Iterable[str]) -> list[str]:
    """The overrides of a layer that are about ``name``."""
    return [word for word in words if head(word.partition("=")[0]) == name]


def with_layers(
    composed: tuple[Config, Choices], words: Sequence[str], layered: Mapping[str, list[str]], compose: Compose
) -> tuple[Config, Choices]:
    """A composed config with the settings of single layers added; ``words`` are the run's overrides.

    An option that a layer chooses is composed alone. So its choices in other groups, such as a gate's objective, are
    not applied. Other overrides of a layer change the run's own part. Raises ConfigError if there is no network.
    """
    config, choices = copy.deepcopy(composed)
    if config.get(NETWORK) is None:
        layer, (word, *_) = next(iter(layered.items()))
        raise ConfigError(f"{LAYERS}.{layer}.{word}: layers are those of a network: add network=vision_transformer")
    alone = f"{NETWORK}={choices[NETWORK]}"
    config[LAYERS] = {}
    for layer in sorted(layered):
        own: Config = {"_target_": TARGET}
        for name in OWN:
            if not (mine := about(name, layered[layer])):
                continue
            typed = {word.partition("=")[0] for word in mine}
            others = [alone] if name in typed else [word for word in words if word.partition("=")[0] not in typed]
            try:
                node, its_choices = compose((*others, *mine))
            except ConfigError as error:
                raise ConfigError(f"{LAYERS}.{layer}: {error}") from None
            own[name] = node[name]
            if name in its_choices:
                choices[f"{LAYERS}.{layer}.{name}"] = its_choices[name]
        config[LAYERS][layer] = own
    return config, choices


def prefixed(layer: str, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The settings of a layer: each override as it is typed -> its value."""
    return {f"{LAYERS}.{layer}.{word}": value for word, value in values}
