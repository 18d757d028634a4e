"""The loss of the expert that was drawn, with the score-function gradient for the gate."""

import torch
from torch import Tensor, nn

from moe_lab.parts import Objective, Share, Sizes, Step, given, hyper


class Stochastic(Objective):
    """loss_i = l_e = -log P_e(y_i) of the expert e that the gate drew; d loss / d gate = (l_e - b) d log p_e.

    p = softmax(z). The mean gradient over the draws, for experts and gate, is that of the objective ``expected_loss``
    of the softmax gate; the baseline b only lowers its variance. b is the moving average of the mean losses of the
    batches before this one, b <- decay b + (1 - decay) mean_i l_i, corrected for its start at zero. (Not the
    "stochastic" loss of arXiv:2302.14703's code, which draws nothing: that is ``competitive`` with the exponent 1/2.)
    Source: Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement learning.

    decay: of the moving average; 0: the last batch's mean.
    """

    task = None
    teaches = frozenset({"draw"})
    largest_k = 1

    def __init__(self, sizes: Sizes, *, decay: Share = 0.9) -> None:
        super().__init__()
        self.decay = hyper(decay)
        self.average = nn.Buffer(torch.zeros(()))
        self.norm = nn.Buffer(torch.zeros(()))

    def forward(self, step: Step) -> Tensor:
        routing = step.output.routing
        loss_B = -step.output.log_likelihood_B(step.y_B)
        log_probs_BE = given(routing.logits_BE, "logits_BE").log_softmax(-1)
        log_prob_B = log_probs_BE.masked_fill(~routing.selected_BE, 0.0).sum(-1)
        advantage_B = loss_B.detach() - self._baseline().unsqueeze(-1)
        if self.training:
            self._follow(loss_B.detach().mean(-1))
        # its value is zero, its gradient that of the score function
        return loss_B + advantage_B * (log_prob_B - log_prob_B.detach())

    def _baseline(self) -> Tensor:
        return self.average / torch.where(self.norm > 0, self.norm, 1.0)

    def _follow(self, loss: Tensor) -> None:
        self.average.copy_(self.decay * self.average + (1 - self.decay) * loss)
        self.norm.copy_(self.decay * self.norm + 1 - self.decay)
