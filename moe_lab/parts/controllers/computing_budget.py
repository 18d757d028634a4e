"""A bias on the selection that brings the mean number of computing experts to a budget."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Gate, Positive, Reason, Share, Sizes, buffers_named, hyper


class ComputingBudget(Controller):
    """b_e += u (s / N - c_e / (k T)) once per step for each of the N experts that compute something; other b_e stay 0.

    c_e of the T rows of the batch chose e. A row then has s k computing experts on average, evenly loaded. The rest of
    its k are zero, copy or constant experts, whose shares are up to the gate. b is added to the scores only for the
    selection.
    Source: Meituan LongCat Team 2025, LongCat-Flash technical report, arXiv:2509.01322 (zero-computation experts; there
    s k is K_e, and u falls during training).

    share: s, the share of a row's k experts that compute; LongCat-Flash has 8 of 12.
    rate:  u, in the units of the scores that are compared.
    Every such expert's bias is logged. Needs a gate that has ``selection_bias_1E`` (gate/select=biased_top_k), and
    experts that compute nothing.
    """

    steers: ClassVar[str] = "selection_bias_1E"

    def __init__(self, sizes: Sizes, *, share: Share = 0.667, rate: Positive = 0.1) -> None:
        super().__init__()
        self.share_11 = hyper(share, 2)
        self.rate_11 = hyper(rate, 2)
        self.bias_1E = nn.Buffer(torch.zeros(1, sizes.computing))

    def misfit(self, gate: Gate) -> Reason | None:
        if not gate.sizes.idle:
            lacks = "needs experts that compute nothing, and there are none"
            return Reason(lacks, ("take experts.zero=1 or experts.copy=1 in a network",))
        return None

    def after_step(self, step: AnyStep) -> None:
        chosen_BE, computing = step.routing.chosen_BE, self.bias_1E.shape[-1]
        share_1E = chosen_BE.sum(-2, keepdim=True) / (step.gate.sizes.k * chosen_BE.shape[-2])
        self.bias_1E.add_(self.rate_11 * (self.share_11 / computing - share_1E[..., :computing]))
        for bias_1E in buffers_named(step.gate, self.steers):
            bias_1E[..., :computing].copy_(self.bias_1E)

    def readings(self) -> dict[str, Tensor]:
        return {f"bias_{e}": bias.squeeze(-1) for e, bias in enumerate(self.bias_1E.unbind(-1))}
