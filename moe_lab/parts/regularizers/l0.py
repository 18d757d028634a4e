"""L0: the expected number of active experts."""

from torch import Tensor

from moe_lab.parts import NonNegative, Regularizer, Sizes, Step


class L0(Regularizer):
    """mean_i sum_e P(w_ie > 0), the expected number of experts that a sample uses.

    The gate computes the probability: for hard concrete sigma(log alpha - beta log(-gamma / zeta)).
    Source: Louizos, Welling and Kingma 2018, Learning sparse neural networks through L0 regularization,
    arXiv:1712.01312, eq. 12.

    weight: its coefficient, nats per expert; there is no published value for gates.
    Needs a gate with ``l0_BE``, such as hard_concrete.
    """

    reads = frozenset({"l0_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.01) -> None:
        super().__init__(weight)

    def forward(self, step: Step) -> Tensor:
        return step.routing.extras["l0_BE"].sum(-1).mean(-1)
