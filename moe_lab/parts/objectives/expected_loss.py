"""The expected loss of one expert drawn by the gate."""

from torch import Tensor

from moe_lab.parts import Objective, Sizes, Step


class ExpectedLoss(Objective):
    """loss_i = sum_e w_e l_e, l_e = -log P_e(y_i): a sample's mean loss if the gate draws one expert for it.

    An upper bound of the mixture's negative log-likelihood (Jensen). An expert's gradient from a sample is proportional
    to its weight, however well it predicts.
    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts, eq. 1.2.
    """

    task = None
    needs_every_expert = True
    needs_distribution = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        log_likelihood_BE = step.output.expert_log_likelihood_BE(step.y_B)
        return -(step.output.routing.weights_BE * log_likelihood_BE).sum(-1)
