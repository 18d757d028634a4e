"""Z-loss: gate logits stay small."""

from torch import Tensor

from moe_lab.parts import Gate, NonNegative, Reason, Regularizer, Sizes, Step, given


class ZLoss(Regularizer):
    """mean_i (log sum_e exp z_ie)^2 of the clean logits z, before noise and temperature.

    Source: Zoph et al. 2022 (ST-MoE), arXiv:2202.08906, eq. 5.

    weight: its coefficient; Zoph et al. take 0.001.
    Needs a gate with logits.
    """

    reads = frozenset({"logits_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.001) -> None:
        super().__init__(weight)

    def misfit(self, gate: Gate) -> Reason | None:
        lacks = "needs logits of any scale, and this gate's are logarithms of probabilities, so it would be 0"
        return Reason(lacks) if gate.traits.normalized else None

    def forward(self, step: Step) -> Tensor:
        return given(step.routing.logits_BE, "logits_BE").logsumexp(-1).square().mean(-1)
