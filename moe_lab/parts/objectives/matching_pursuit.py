"""The experts that predict a sample best learn from it, and the gate learns to predict which they are."""

import math

from torch import Tensor
from torch.nn import functional

from moe_lab.parts import Objective, Sizes, Step, given, k_largest


class MatchingPursuit(Objective):
    """loss_i = -log (1/k) sum_{e in S} P_e(y_i) + sum_e cross entropy(sigmoid(z_e), e in S).

    S, a sample's set of experts, starts empty; k times, the expert is added that makes the mean of P_e(y_i) over S
    largest. Since each adds its own P_e(y_i) to that mean, these are the k experts of the largest P_e(y_i), ties by
    index. The experts learn only from the first term, the gate's scores only from the second: whether each expert is in
    S. At test the gate's k largest scores get 1 / k. With k = 1 only the best expert learns. No paper has it in this
    form; the greedy choice is that of
    Source: Mallat and Zhang 1993, Matching pursuits with time-frequency dictionaries.
    """

    needs_every_expert = True
    teaches = frozenset({"scores"})

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, step: Step) -> Tensor:
        log_likelihood_BE = step.output.expert_log_likelihood_BE(step.y_B)
        picks_BE = k_largest(log_likelihood_BE.detach(), self.sizes.k)
        among_picks_BE = log_likelihood_BE.masked_fill(~picks_BE, float("-inf"))
        experts_B = math.log(self.sizes.k) - among_picks_BE.logsumexp(-1)
        logits_BE = given(step.output.routing.logits_BE, "logits_BE")
        gate_BE = functional.binary_cross_entropy_with_logits(logits_BE, picks_BE.to(logits_BE.dtype), reduction="none")
        return experts_B + gate_BE.sum(-1)
