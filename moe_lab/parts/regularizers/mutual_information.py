"""Mutual information of sample and expert: each sample sure of its expert, all experts used."""

from typing import ClassVar

from torch import Tensor

from moe_lab.parts import NonNegative, Regularizer, Sizes, Step, entropy_nats


class MutualInformation(Regularizer):
    """-I(E; X) = mean_i H(p_i) - H(mean_i p_i), nats, of the full distribution before selection.

    Between -log E and 0. Less the constant log E it is usage_kl + sample_entropy with equal weights.
    Source: Bridle, Heading and MacKay 1991, Unsupervised classifiers, mutual information and phantom targets.

    weight: what multiplies it; there is no published value for gates.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.05) -> None:
        super().__init__(weight)

    def forward(self, step: Step) -> Tensor:
        probs_BE = step.routing.probs_BE
        return entropy_nats(probs_BE).mean(-1) - entropy_nats(probs_BE.mean(-2))
