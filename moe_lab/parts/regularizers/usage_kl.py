"""Usage: the mean distribution over experts is even."""

import math
from typing import ClassVar

from torch import Tensor

from moe_lab.parts import AnyStep, NonNegative, Sizes, entropy_nats
from moe_lab.parts.batch_statistics import BATCH, BatchStatistic, Sums


class UsageKl(BatchStatistic):
    """KL(mean_i p_i || uniform) = log E - H(mean_i p_i), nats, of the full distribution before selection.

    0 if the mean is uniform, log E if one expert has everything.
    Source: Csordas, Irie and Schmidhuber 2023, Approximating two-layer feedforward networks for efficient transformers,
    arXiv:2310.10837, up to the constant log E.

    weight: its coefficient; published values are between 0.01 and 0.1.
    scope:  of the mean: moe_lab.parts.batch_statistics.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.05, scope: str = BATCH) -> None:
        super().__init__(weight, scope)

    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        return {"probs": step.routing.probs_BE}

    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        mean_E = sums["probs"] / count_1
        return math.log(mean_E.shape[-1]) - entropy_nats(mean_E)
