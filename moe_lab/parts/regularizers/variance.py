"""Variance: routing scores that differ between experts."""

from typing import ClassVar

from torch import Tensor

from moe_lab.parts import NonNegative, Regularizer, Sizes, Step


class Variance(Regularizer):
    """-mean_i var_e(p_ie) of the full distribution before selection; the variance is divided by E - 1.

    0 for uniform rows, -1/E if each row has only one expert.
    Source: Guo et al. 2025, Advancing expert specialization for better MoE, arXiv:2505.22323, as in the authors' code.

    weight: its coefficient. The authors set it once, so that the product is 0.01 at the start.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.1) -> None:
        super().__init__(weight)

    def forward(self, step: Step) -> Tensor:
        return -step.routing.probs_BE.var(-1, correction=1).mean(-1)
