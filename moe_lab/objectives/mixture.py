"""The likelihood of the mixture."""

from torch import Tensor

from moe_lab.parts import Objective, Sizes, Step


class Mixture(Objective):
    """loss_i = -log q(y_i|x_i), the mixture's negative log-likelihood in nats.

    With ``gate.combine=probabilities``, q = sum_e w_e P_e, this is the competitive likelihood of
    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts, eq. 1.3, with class experts.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        return -step.output.log_probs_BC.gather(-1, step.y_B.unsqueeze(-1)).squeeze(-1)
