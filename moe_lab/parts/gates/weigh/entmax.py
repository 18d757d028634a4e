"""Sparse weights: entmax, with sparsemax as a special case."""

import math
from typing import Annotated, Literal

import torch
from entmax import entmax_bisect
from torch import Tensor

from moe_lab.parts import Positive, Projection, Range, Sizes, hyper


class Entmax(Projection):
    """alpha-entmax, p_e = [(alpha - 1) z_e / T - tau]_+^(1 / (alpha - 1)), with tau such that a row sums to one.

    Softmax as alpha goes to 1, sparsemax at 2, where p is the Euclidean projection of z / T onto the simplex. Weights
    can be exactly zero, so a sample has up to k experts; one whose weight is zero gets no gradient from it. tau is
    found by bisection to the last bit, by the authors' package entmax; the Jacobian is diag(s) - s s' / sum s with
    s_e = p_e^(2 - alpha) on the support and 0 off it.
    Source: Peters, Niculae and Martins 2019, Sparse sequence-to-sequence models, arXiv:1905.05702, eq. 4 and 10;
    Martins and Astudillo 2016, From softmax to sparsemax, arXiv:1602.02068.

    alpha:       at least 1.01; nearer to 1 use softmax.
    over:        "all", "selected", or null: all for k = 1, selected otherwise.
    temperature: T.
    Raises ConfigError for k = 1 over the selected: that weight is always one, and gives the gate no gradient.
    """

    sparse = True

    def __init__(
        self,
        sizes: Sizes,
        *,
        alpha: Annotated[float, Range(ge=1.01)] = 1.5,
        over: Literal["all", "selected"] | None = None,
        temperature: Positive = 1.0,
    ) -> None:
        super().__init__(sizes, over=over, temperature=temperature)
        self.alpha_11 = hyper(alpha, 2)

    def project(self, scores_BE: Tensor) -> Tensor:
        # the largest score at zero: the interval of tau is then found to the last bit, however large scores are
        shifted_BE = scores_BE - scores_BE.amax(-1, keepdim=True).detach()
        halvings = 3 - round(math.log2(torch.finfo(scores_BE.dtype).eps))
        probs_BE = entmax_bisect(shifted_BE, alpha=self.alpha_11, dim=-1, n_iter=halvings)
        zero_BE = probs_BE <= 0
        return probs_BE.masked_fill(zero_BE, 1.0).log().masked_fill(zero_BE, -torch.inf)
