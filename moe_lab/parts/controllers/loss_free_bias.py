"""Loss-free balancing: a bias on the selection, updated against the load."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Gate, Positive, Reason, Sizes, buffers_named, hyper


class LossFreeBias(Controller):
    """b_e += u sign(mean_e c - c_e) once per step, c_e the number of samples of the batch that chose e.

    b is added to the scores only for the selection: no weight and no gradient contains it. After training it stays as
    it is.
    Source: Wang et al. 2024, Auxiliary-loss-free load balancing strategy for mixture-of-experts, arXiv:2408.15664,
    algorithm 1; DeepSeek-V3.

    rate:     u, in the units of the scores that are compared; Wang et al. take 0.001 for sigmoid scores.
    recentre: subtract the mean of the E updates from each, so that the biases keep their mean (torchtitan).
    Every expert's bias is logged. Needs a gate that selects fewer than all experts and has ``selection_bias_1E``.
    """

    steers: ClassVar[str] = "selection_bias_1E"

    def __init__(self, sizes: Sizes, *, rate: Positive = 0.001, recentre: bool = False) -> None:
        super().__init__()
        self._recentre = recentre
        self.rate_11 = hyper(rate, 2)
        self.bias_1E = nn.Buffer(torch.zeros(1, sizes.experts))

    def misfit(self, gate: Gate) -> Reason | None:
        if gate.sizes.k == gate.sizes.experts:
            lacks = "needs a gate that selects, and with k equal to experts.count every expert is selected"
            return Reason(lacks, ("lower k",))
        return None

    def after_step(self, step: AnyStep) -> None:
        count_1E = step.routing.chosen_BE.sum(-2, keepdim=True).to(self.bias_1E.dtype)
        move_1E = (count_1E.mean(-1, keepdim=True) - count_1E).sign()
        if self._recentre:
            move_1E = move_1E - move_1E.mean(-1, keepdim=True)
        self.bias_1E.add_(self.rate_11 * move_1E)
        for bias_1E in buffers_named(step.gate, self.steers):
            bias_1E.copy_(self.bias_1E)

    def readings(self) -> dict[str, Tensor]:
        return {f"bias_{e}": bias.squeeze(-1) for e, bias in enumerate(self.bias_1E.unbind(-1))}
