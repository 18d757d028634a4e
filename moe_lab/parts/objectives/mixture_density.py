"""The likelihood of a mixture of densities."""

from torch import Tensor

from moe_lab.parts import Objective, Sizes, Step


class MixtureDensity(Objective):
    """loss_i = -log sum_e w_e(x_i) N(y_i; mean_e(x_i), variance_e(x_i)), the density's negative log-likelihood in nats.

    y is in sd of the training targets, so the loss of a density per unit of y is larger by log sd(y). It may be
    negative. It is refused with k = 1 and for gates whose weights do not sum to one (see mixture.combine_rule).
    Source: Bishop 1994, Mixture density networks, NCRG/94/004 (Bishop 2006, Pattern recognition and machine learning,
    eq. 5.153); Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts, eq. 1.3, has unit variances.
    """

    task = "regression"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        return -step.output.log_likelihood_B(step.y_B)
