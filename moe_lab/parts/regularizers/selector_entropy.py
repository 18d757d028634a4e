"""Selector entropy: every selector of a DSelect-k gate settles on one expert."""

from torch import Tensor

from moe_lab.parts import NonNegative, Regularizer, Sizes, Step


class SelectorEntropy(Regularizer):
    """sum over the k selectors of H(selector), nats, computed by a DSelect-k gate.

    If E is not a power of two, the gate adds a penalty on codes that belong to no expert.
    Source: Hazimeh et al. 2021 (DSelect-k), arXiv:2106.03760.

    weight: its coefficient; the authors' code takes 1e-6.
    Needs a gate with ``selector_entropy``, such as dselect_k.
    """

    reads = frozenset({"selector_entropy"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 1e-6) -> None:
        super().__init__(weight)

    def forward(self, step: Step) -> Tensor:
        return step.routing.extras["selector_entropy"]
