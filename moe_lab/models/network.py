"""What networks of mixture layers share: what a network gives, and what makes its layers."""

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
    """x_BD -> NetworkOutput. Its mixture layers stand in blocks that are called ``block0``, ``block1`` ..."""

    #: whether it reads windows of tokens, and predicts the token that follows each
    reads_tokens: ClassVar[bool] = False

    @property
    @abstractmethod
    def routed(self) -> Mapping[str, RoutedExperts]:
        """The mixture layers by the names of their blocks, in order."""

    @property
    @abstractmethod
    def places(self) -> int:
        """S, the rows of a mixture layer that belong to one sample; they stand side by side."""

    def class_T(self, y_B: Tensor) -> Tensor:
        """The class that each row of a mixture layer is of, [..., T], given those of the predictions."""
        return y_B.repeat_interleave(self.places, -1)

    def attributes(self, x_BD: Tensor) -> Mapping[str, Tensor]:
        """What is known of the rows of samples besides their sample, by name, [B, S]: whole numbers, or numbers."""
        return {}

    @property
    def scopes(self) -> tuple[str, ...]:
        """Attributes of rows in whose groups a regularizer may be taken."""
        return ("class",) if self.places == 1 else (DOCUMENT, "class", "position")

    def groups(self, y_B: Tensor, classes: int) -> dict[str, Groups]:
        """The rows of the samples of these targets, by each of ``scopes``."""
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
        """Whether a prediction depends on its batch-mates, as the network stands: in training, or in evaluation."""
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
        """``noise`` has one for each mixture layer, by its name (moe_lab.layers.noise.noise_by_layer); ``constrain``
        changes what some of their gates have decided."""


class Layers:
    """Makes the mixture layers of a config, each from the generator of its own name: whether another block has one
    changes none of its numbers. It keeps the ``regularizers`` and ``controllers`` of each layer, and the last ``gate``.

    config: moe_lab.mixture.layer_parts.layer_config's, or a whole one.
    """

    def __init__(self, config: Config, seed: int) -> None:
        self._config = config
        self._seed = seed
        self.gate: Gate
        self.regularizers: dict[str, dict[str, Regularizer]] = {}
        self.controllers: dict[str, dict[str, Controller]] = {}

    def __call__(self, name: str, width: int) -> RoutedExperts:
        """Raises ConfigError if parts do not fit a layer, or each other."""
        config = config_of_layer(self._config, name)
        dispatch = config.get("trainer", {}).get("dispatch", "auto")
        with seeded(self._seed, name):
            layer, self.regularizers[name] = routed_experts(config, width, dispatch)
            self.controllers[name] = controllers_of(config, layer.gate)
        self.gate = layer.gate
        return layer


def config_of_layer(config: Config, name: str) -> Config:
    """The config with what one layer has of its own in place of what all have."""
    own = config.get(LAYERS, {}).get(name, {})
    return config | {key: value for key, value in own.items() if key in OWN and value is not None}
