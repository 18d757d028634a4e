"""Load: every expert gets the same expected number of samples."""

from typing import ClassVar

from torch import Tensor

from moe_lab.parts import Gate, NonNegative, Reason, Regularizer, Sizes, Step


class Load(Regularizer):
    """CV^2(L) = var_e(L) / mean_e(L)^2 of the smooth loads L_e = sum_i P_ie, P_ie the probability that e is among the
    k experts of sample i under its noise; the variance is divided by E.

    Needs a gate with noise (``gate=noisy_top_k``) and at least two experts.
    Source: Shazeer et al. 2017, Outrageously large neural networks, arXiv:1701.06538, eq. 8 to 11.

    weight: what multiplies it; Shazeer et al. take 0.1.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"load_probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.1) -> None:
        super().__init__(weight)

    def misfit(self, gate: Gate) -> Reason | None:
        if gate.sizes.k == gate.sizes.experts:
            return Reason("needs a gate that selects, for with k equal to experts.count every load is 1", ("lower k",))
        return None

    def forward(self, step: Step) -> Tensor:
        load_E = step.routing.extras["load_probs_BE"].sum(-2)
        return load_E.var(-1, correction=0) / load_E.mean(-1).square()
