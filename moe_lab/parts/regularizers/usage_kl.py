"""Usage: the mean distribution over experts is even."""

import math
from typing import ClassVar

from torch import Tensor

from moe_lab.parts import NonNegative, Regularizer, Sizes, Step, entropy_nats


class UsageKl(Regularizer):
    """KL(mean_i p_i || uniform) = log E - H(mean_i p_i), nats, of the full distribution before selection.

    0 where the mean is even, log E where one expert has everything.
    Source: Csordas, Irie and Schmidhuber 2023, Approximating two-layer feedforward networks for efficient transformers,
    arXiv:2310.10837, up to the constant log E.

    weight: what multiplies it; published values lie between 0.01 and 0.1.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.05) -> None:
        super().__init__(weight)

    def forward(self, step: Step) -> Tensor:
        probs_BE = step.routing.probs_BE
        return math.log(probs_BE.shape[-1]) - entropy_nats(probs_BE.mean(-2))
