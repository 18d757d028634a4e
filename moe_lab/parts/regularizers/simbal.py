"""SimBal: similar inputs get similar scores."""

from typing import ClassVar

import torch
from torch import Tensor

from moe_lab.parts import Gate, NonNegative, Reason, Regularizer, Sizes, Step, given


class Simbal(Regularizer):
    """||W^T W - 1||_1 (the sum of absolute values), with W [I, E] the gate's last layer, one column per expert.

    Columns of unit length that are orthogonal to each other keep the angles between inputs, as far as E scores can;
    with more experts than inputs of the layer it cannot reach 0.
    Source: Omi, Sen and Farhadi 2025, Load balancing mixture of experts with similarity preserving routers,
    arXiv:2506.14038.

    weight: its coefficient.
    Needs at least two experts, and a gate whose scores come from a linear layer.
    """

    least_experts: ClassVar[int] = 2

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.1) -> None:
        super().__init__(weight)

    def misfit(self, gate: Gate) -> Reason | None:
        return (
            None if gate.head else Reason("needs a gate whose scores come from a linear layer, and this one's do not")
        )

    def forward(self, step: Step) -> Tensor:
        weight_IE = given(step.gate.head, "the gate's linear layer").weight_IO
        gram_EE = weight_IE.mT @ weight_IE
        return (gram_EE - torch.eye(gram_EE.shape[-1], dtype=gram_EE.dtype, device=gram_EE.device)).abs().sum((-2, -1))
