"""What networks of mixture layers share: where the layers stand, what makes them, and what a network gives."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Literal, Union

from torch import Tensor, nn

from moe_lab.config.ranges import NonNegativeInt
from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, seeded
from moe_lab.mixture.layer_parts import routed_experts
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.parts.roles import Config
from moe_lab.routing.values import NetworkOutput

#: the name of a block and the width of its features -> its mixture layer
MakeLayer = Callable[[str, int], RoutedExperts]
#: the blocks that have a mixture layer
Where = Union[Literal["all", "every_other", "last"], tuple[NonNegativeInt, ...]]


class Network(nn.Module):
    """x_BD -> NetworkOutput. Its mixture layers stand in blocks that are called ``block0``, ``block1`` ..."""

    @property
    @abstractmethod
    def routed(self) -> Mapping[str, RoutedExperts]:
        """The mixture layers by the names of their blocks, in order."""

    @abstractmethod
    def forward(self, x_BD: Tensor, noise: Mapping[str, Noise]) -> NetworkOutput:
        """``noise`` has one for each mixture layer, by its name (moe_lab.layers.noise.noise_by_layer)."""


def block_name(number: int) -> str:
    return f"block{number}"


def layers_from(config: Config, seed: int) -> MakeLayer:
    """Makes the mixture layers of a config (moe_lab.mixture.layer_parts.layer_config), each from the generator of its
    own name: whether another block has one changes none of its numbers."""

    def make(name: str, width: int) -> RoutedExperts:
        with seeded(seed, name):
            layer, _ = routed_experts(config, width)
        return layer

    return make


def numbers_of(where: Where, depth: int) -> tuple[int, ...]:
    """The blocks of ``depth`` that have a mixture layer: all; every other one, 1, 3, 5 ...; the last; or a list.

    Raises ConfigError if there is no such block, or none at all.
    """
    match where:
        case "all":
            found = tuple(range(depth))
        case "every_other":
            found = tuple(range(1, depth, 2))
        case "last":
            found = (depth - 1,)
        case _:
            found = tuple(sorted(set(where)))
    if not found or found[-1] >= depth:
        shown = where if isinstance(where, str) else str(list(where)).replace(" ", "")
        raise ConfigError(
            f"network.where={shown} names no block of depth={depth}, whose blocks are numbered from 0: "
            f"take all, last or a list such as [{depth - 1}]"
        )
    return found
