"""Linear scores."""

from typing import Literal

from torch import Tensor

from moe_lab.parts import ExpertsOutput, Noise, Score, Sizes
from moe_lab.parts import Linear as LinearLayer


class Linear(Score):
    """z = x W + b: one weight per input feature and expert.

    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm.

    init: "default", or "zero": W = b = 0, so that every expert starts with the same weight, as in Shazeer et al. 2017
          (arXiv:1701.06538).
    """

    linear_in_input = True

    def __init__(self, sizes: Sizes, *, init: Literal["default", "zero"] = "default") -> None:
        super().__init__()
        self.head = LinearLayer(sizes.features, sizes.experts)
        if init == "zero":
            for parameter in self.head.parameters():
                parameter.data.zero_()

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        return self.head(x_BD)

    def columns(self) -> tuple[Tensor, ...]:
        return tuple(self.head.parameters())
