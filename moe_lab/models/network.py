"""The base class of networks of mixture layers, their output, and the construction of their layers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.config.layered import LAYERS, OWN
from moe_lab.layers.noise import Noise, seeded
from moe_lab.mixture.layer_parts import controllers_of, routed_experts
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import Config, Gate, Regularizer
from moe_lab.routing.groups import DOCUMENT, Groups, documents
from moe_lab.routing.values import NetworkOutput


class Network(nn.Module):
    """x_BD -> NetworkOutput. Its mixture layers are in blocks with the names ``block0``, ``block1`` ..."""

    #: whether its inputs are windows of tokens, and it predicts the next token at each
    reads_tokens: ClassVar[bool] = False

    @property
    @abstractmethod
    def routed(self) -> Mapping[str, RoutedExperts]:
        """The mixture layers by the names of their blocks, in order."""

    @property
    @abstractmethod
    def places(self) -> int:
        """S, the number of a mixture layer's rows for one sample; they are contiguous."""

    def class_T(self, y_B: Tensor) -> Tensor:
        """The class of each row of a mixture layer, [..., T], given those of the predictions."""
        return y_B.repeat_interleave(self.places, -1)

    def attributes(self, x_BD: Tensor) -> Mapping[str, Tensor]:
        """Attributes of the rows of samples, by name, [B, S]: integers or floating-point numbers."""
        return {}

    @property
    def scopes(self) -> tuple[str, ...]:
        """Attributes of rows within whose groups a regularizer may be computed."""
        return ("class",) if self.places == 1 else (DOCUMENT, "class", "position")

    def groups(self, y_B: Tensor, classes: int) -> dict[str, Groups]:
        """The groups of the rows of samples with these targets, for each of ``scopes``."""
        class_T, places = self.class_T(y_B), self.places
        samples = class_T.shape[-1] // places
        found = {
            DOCUMENT: documents(samples, places, y_B.device),
            "class": Groups(class_T, classes),
            "position": Groups(torch.arange(places, device=y_B.device).repeat(samples), places),
        }
        return {name: found[name] for name in self.scopes}

    @property
    def batch_dependent(self) -> bool:
        """Whether a prediction depends on its batch-mates in the network's current mode, training or evaluation."""
        return any(layer.gate.batch_dependent for layer in self.routed.values())

    @property
    def numbers(self) -> int:
        """Numbers in the largest tensor that the experts of a layer make of one sample."""
        layers = self.routed.values()
        sizes = [max(one.gate.sizes.features, one.experts.hidden_features or 0) for one in layers]
        experts = [one.experts.count if one.dispatcher.every_expert else one.gate.sizes.k for one in layers]
        return self.places * max(size * count for size, count in zip(sizes, experts, strict=True))

    @abstractmethod
    def forward(
        self, x_BD: Tensor, noise: Mapping[str, Noise], constrain: Mapping[str, Constrain] | None = None
    ) -> NetworkOutput:
        """The network's output.

        ``noise`` has one for each mixture layer, by its name (moe_lab.layers.noise.noise_by_layer); ``constrain``
        changes the decisions of some of their gates.
        """


class Layers:
    """Makes the mixture layers of a config, each from the generator of its own name.

    So its numbers do not depend on other blocks. It keeps the ``regularizers`` and ``controllers`` of each layer, and
    the last ``gate``.

    config: moe_lab.mixture.layer_parts.layer_config's, or a whole one.
    """

    def __init__(self, config: Config, seed: int) -> None:
        self._config = config
        self._seed = seed
        self.gate: Gate
        self.regularizers: dict[str, dict[str, Regularizer]] = {}
        self.controllers: dict[str, dict[str, Controller]] = {}

    def __call__(self, name: str, width: int, places: int) -> RoutedExperts:
        """The layer of the block ``name``, for rows of ``width`` features, ``places`` of which are one sample. Raises
        ConfigError if parts do not fit a layer, or each other."""
        config = config_of_layer(self._config, name)
        dispatch = config.get("trainer", {}).get("dispatch", "auto")
        with seeded(self._seed, name):
            layer, self.regularizers[name] = routed_experts(config, width, places, dispatch)
            self.controllers[name] = controllers_of(config, layer.gate)
        self.gate = layer.gate
        return layer


def config_of_layer(config: Config, name: str) -> Config:
    """The config with one layer's own parts in place of those of all layers."""
    own = config.get(LAYERS, {}).get(name, {})
    return config | {key: value for key, value in own.items() if key in OWN and value is not None}
