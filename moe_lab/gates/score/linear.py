"""Linear scores."""

from torch import Tensor

from moe_lab.layers import Linear as LinearLayer
from moe_lab.noise import Noise
from moe_lab.parts import Score, Sizes


class Linear(Score):
    """z = x W + b: one weight an input feature and expert.

    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.head = LinearLayer(sizes.features, sizes.experts)

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Tensor:
        return self.head(x_BD)
