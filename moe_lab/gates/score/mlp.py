"""Scores of a network with one hidden layer."""

from torch import Tensor

from moe_lab.layers import Linear
from moe_lab.noise import Noise
from moe_lab.parts import Score, Sizes
from moe_lab.ranges import Count


class Mlp(Score):
    """z = relu(x W + b) V + c: a network of its own on the same input.

    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts.

    hidden: width of the gate's hidden layer.
    """

    def __init__(self, sizes: Sizes, *, hidden: Count = 64) -> None:
        super().__init__()
        self.body = Linear(sizes.features, hidden)
        self.head = Linear(hidden, sizes.experts)

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Tensor:
        return self.head(self.body(x_BD).relu())
