"""Load: every expert gets the same expected number of samples."""

from typing import ClassVar

from torch import Tensor

from moe_lab.parts import AnyStep, Gate, NonNegative, Reason, Sizes
from moe_lab.parts.batch_statistics import BATCH, BatchStatistic, Sums


class Load(BatchStatistic):
    """CV^2(L) = var_e(L) / mean_e(L)^2 of the smooth loads L_e = sum_i P_ie; the variance is divided by E.

    P_ie is the probability that e is among the k experts of sample i under its noise.

    Needs a gate with noise (``gate=noisy_top_k``) and at least two experts.
    Source: Shazeer et al. 2017, Outrageously large neural networks, arXiv:1701.06538, eq. 8 to 11.

    weight: its coefficient; Shazeer et al. take 0.1.
    scope:  of the sums: moe_lab.parts.batch_statistics.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"load_probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.1, scope: str = BATCH) -> None:
        super().__init__(weight, scope)

    def misfit(self, gate: Gate) -> Reason | None:
        if gate.sizes.k == gate.sizes.experts:
            return Reason(
                "needs a gate that selects, since with k equal to experts.count every load is 1", ("lower k",)
            )
        return None

    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        return {"load": step.routing.extras["load_probs_BE"]}

    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        load_E = sums["load"]
        return load_E.var(-1, correction=0) / load_E.mean(-1).square()
