"""The likelihood of competing experts."""

from torch import Tensor

from moe_lab.parts import Config, Objective, Positive, Sizes, Step, given, hyper


class Competitive(Objective):
    """loss_i = -log sum_e w_e exp(-a l_e), with l_e = -log P_e(y_i) the expert's own loss: -log sum_e w_e P_e(y_i)^a.

    In the paper l_e is a squared error and a = 1/2 belongs to its Gaussian. With cross entropy the likelihood has a =
    1, and is then equal to the objective ``mixture`` of a gate that mixes probabilities: both have the same key. a =
    1/2 is the "stochastic" loss of arXiv:2302.14703's code.
    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts, eq. 1.3.

    exponent: a.
    """

    task = None
    needs_every_expert = True
    needs_distribution = True

    def __init__(self, sizes: Sizes, *, exponent: Positive = 1.0) -> None:
        super().__init__()
        self.exponent_11 = hyper(exponent, 2)

    @property
    def alias(self) -> Config | None:
        mixture = {"_target_": "moe_lab.parts.objectives.mixture.Mixture", "second_softmax": False}
        return mixture if self.exponent_11.item() == 1 else None

    def forward(self, step: Step) -> Tensor:
        log_likelihood_BE = step.output.expert_log_likelihood_BE(step.y_B)
        log_weights_BE = given(step.output.routing.log_weights_BE, "log_weights_BE")
        return -(log_weights_BE + self.exponent_11 * log_likelihood_BE).logsumexp(-1)
