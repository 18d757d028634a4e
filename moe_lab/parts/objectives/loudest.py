"""The loss of the gate ``loudest``: confident experts learn."""

from torch import Tensor

from moe_lab.parts import Objective, Sizes, Step, given


class Loudest(Objective):
    """loss_i = -log sum_e w_e P_e(y_i)^(1/2), w of the gate ``loudest``: softmax of the experts' negative entropies.

    The weights have no gradient. A confident expert gets the sample; if it is right it becomes more confident, else it
    is corrected. Only the loss reads the label, never the weights.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 ("loudest expert").
    """

    needs_every_expert = True
    needs_distribution = True
    teaches = frozenset({"nothing"})
    needs_extras = frozenset({"expert_entropy_BE"})

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        log_likelihood_BE = step.output.expert_log_likelihood_BE(step.y_B)
        return -(given(step.output.routing.log_weights_BE, "log_weights_BE") + log_likelihood_BE / 2).logsumexp(-1)
