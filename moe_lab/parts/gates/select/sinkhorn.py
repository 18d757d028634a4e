"""Selection by optimal transport: entropic (Sinkhorn)."""

import torch
from torch import Tensor

from moe_lab.parts import Count, Noise, Select, Sizes, k_largest, log_softmax


class Sinkhorn(Select):
    """In training the k largest of each row of a transport plan with equal loads; at test the k largest logits.

    The plan is exp(z_be + u_b + v_e) with rows that sum to 1/N and columns that sum to 1/E: rows and columns are
    normalized in turn, in log space, without gradient. The k largest of its rows are nearly, not exactly, balanced. The
    number of rounds is fixed, so that the length of a step does not depend on values; published code stops when the
    mean change is below 1e-4 or 1e-5, after about ten rounds for logits of unit scale.
    Source: Clark et al. 2022, Unified scaling laws for routed language models (S-BASE), arXiv:2202.01169.

    rounds: number of times that rows and columns are normalized.
    """

    batch_dependent = frozenset({"training"})

    def __init__(self, sizes: Sizes, *, rounds: Count = 20) -> None:
        super().__init__(sizes)
        self._rounds = rounds

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        scores_BE = log_plan(logits_BE.detach(), self._rounds) if self.training else logits_BE
        return k_largest(scores_BE, self.sizes.k)


@torch.no_grad()
def log_plan(logits_BE: Tensor, rounds: int) -> Tensor:
    """The plan's logarithm up to a constant: rows, then columns, normalized ``rounds`` times."""
    for _ in range(rounds):
        logits_BE = log_softmax(logits_BE).log_softmax(-2)
    return logits_BE
