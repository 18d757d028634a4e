"""Training of a gate that predicts each expert's log-likelihood."""

from torch import Tensor

from moe_lab.parts import Objective, Sizes, Step, given


class ExpertLoss(Objective):
    """loss_i = -log q(y_i) + sum_e |z_e - log P_e(y_i)|: the scores regress every expert's log-likelihood, in nats.

    Only the selected experts learn, from the first term; only the gate learns from the second, whose targets have no
    gradient. The expert of the largest score is the one that the gate expects to be best.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 ("expert loss gate"). It trains
    experts and gate by two optimizers; with Adam one for both is the same.
    """

    task = None
    needs_every_expert = True
    teaches = frozenset({"scores"})

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        target_BE = step.output.expert_log_likelihood_BE(step.y_B).detach()
        error_BE = (given(step.output.routing.logits_BE, "logits_BE") - target_BE).abs()
        return error_BE.sum(-1) - step.output.log_likelihood_B(step.y_B)
