"""A plain network with one mixture layer."""

from collections.abc import Mapping
from math import prod

from torch import Tensor

from moe_lab.config.ranges import Count, NonNegativeInt
from moe_lab.layers.linear import Linear, log_softmax
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.models.blocks import MakeLayer, Mixed, block_name, within
from moe_lab.models.network import Network
from moe_lab.routing.values import NetworkOutput

NAME = block_name(0)


class Mlp(Network):
    """h = relu(x W + b), then h + m(h), with m a mixture layer, then a linear layer to the classes: for toy data.

    Rows of the mixture layer, ``block0``, are the samples.

    width:          of the mixture layer's input.
    shared_experts: experts beside those of the mixture layer that every row has, whatever the gate decides.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        make_layer: MakeLayer,
        *,
        width: Count = 32,
        shared_experts: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        self.embedding = Linear(prod(shape), width)
        self.block0 = Mixed(width, make_layer(NAME, width, self.places), shared_experts)
        self.head = Linear(width, classes)

    @property
    def routed(self) -> Mapping[str, RoutedExperts]:
        return {NAME: self.block0.routed}

    @property
    def places(self) -> int:
        return 1

    def forward(
        self, x_BD: Tensor, noise: Mapping[str, Noise], constrain: Mapping[str, Constrain] | None = None
    ) -> NetworkOutput:
        hidden_BD = self.embedding(x_BD).relu()
        y_BD, output = self.block0(hidden_BD, within([NAME], noise, constrain)[NAME], x_BD)
        return NetworkOutput(log_softmax(self.head(hidden_BD + y_BD)), {NAME: output})
