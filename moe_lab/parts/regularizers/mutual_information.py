"""Mutual information of sample and expert: low entropy for each sample, even use of all experts."""

from typing import ClassVar

from torch import Tensor

from moe_lab.parts import AnyStep, NonNegative, Sizes, entropy_nats
from moe_lab.parts.batch_statistics import BATCH, BatchStatistic, Sums


class MutualInformation(BatchStatistic):
    """-I(E; X) = mean_i H(p_i) - H(mean_i p_i), nats, of the full distribution before selection.

    It is between -log E and 0. Up to the constant log E it is usage_kl + sample_entropy with equal weights.
    Source: Bridle, Heading and MacKay 1991, Unsupervised classifiers, mutual information and phantom targets.

    weight: its coefficient; there is no published value for gates.
    scope:  of the means: moe_lab.parts.batch_statistics.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.05, scope: str = BATCH) -> None:
        super().__init__(weight, scope)

    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        probs_BE = step.routing.probs_BE
        return {"entropy": entropy_nats(probs_BE).unsqueeze(-1), "probs": probs_BE}

    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        return (sums["entropy"] / count_1).squeeze(-1) - entropy_nats(sums["probs"] / count_1)
