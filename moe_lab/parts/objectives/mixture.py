"""The likelihood of the mixture."""

from typing import Literal

from torch import Tensor

from moe_lab.parts import MixtureOutput, Objective, Sizes, Step, expect, given


class Mixture(Objective):
    """loss_i = -log q(y_i|x_i), the mixture's negative log-likelihood in nats.

    With ``gate.combine=probabilities``, q = sum_e w_e P_e, this is the competitive likelihood of
    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts, eq. 1.3, with class experts.

    second_softmax: train on softmax(sum_e w_e P_e) in place of q, as the code of arXiv:2302.14703 did from 2022-11 on,
                    even if q combines logits; "prediction": on softmax(q), as the code of arXiv:2208.02813 does. A
                    defect, kept for comparisons with their numbers: the loss cannot be less than log(1 + (C - 1) / e).
    """

    def __init__(self, sizes: Sizes, *, second_softmax: bool | Literal["prediction"] = False) -> None:
        super().__init__()
        self._second_softmax = second_softmax
        self.needs_every_expert = self.needs_every_expert or second_softmax is True

    def forward(self, step: Step) -> Tensor:
        if not self._second_softmax:
            return -step.output.log_likelihood_B(step.y_B)
        output = expect(MixtureOutput, step.output)
        if self._second_softmax == "prediction":
            log_probs_BC = given(output.log_probs_BC, "the prediction").exp().log_softmax(-1)
            return -log_probs_BC.gather(-1, step.y_B.unsqueeze(-1)).squeeze(-1)
        experts, weights_BE = given(output.experts, "the experts' output"), output.routing.weights_BE
        log_probs_BC = (weights_BE.unsqueeze(-1) * experts.log_probs_BEC.exp()).sum(-2).log_softmax(-1)
        return -log_probs_BC.gather(-1, step.y_B.unsqueeze(-1)).squeeze(-1)
