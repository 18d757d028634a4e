"""One expert, drawn at random, with a straight-through gradient."""

import torch
from torch import Tensor

from moe_lab.parts import (
    Combine,
    Count,
    ExpertsOutput,
    Gate,
    Noise,
    Positive,
    Routing,
    Score,
    Sizes,
    Traits,
    given,
    hyper,
)


class Gumbel(Gate):
    """Straight-through Gumbel-softmax: forward one expert, argmax(z + G), with weight 1; backward softmax((z + G) / T).

    G are standard Gumbel numbers, so an expert is drawn with probability softmax(z). At test there are none, and it is
    argmax(z). The estimator is biased: the gradient is that of the relaxed weights at the drawn point, and all experts
    run for it. The smaller T, the nearer the relaxation, and the noisier its gradient.
    Source: Jang, Gu and Poole 2017, Categorical reparameterization with Gumbel-softmax, arXiv:1611.01144, section 2.2.

    score:       inputs -> z.
    temperature: T of the backward pass; published code anneals it from 1 to 0.1.
    k:           1.
    combine:     "logits"; null: resolved when the config is composed.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        score: Score,
        temperature: Positive = 1.0,
        k: Count | None = 1,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.score = score
        self.temperature_11 = hyper(temperature, 2)

    @property
    def traits(self) -> Traits:
        return Traits(rows_sum_to_one=True, straight_through=True, k=1, reads_experts=self.score.reads_experts)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        logits_BE = self.score(x_BD, experts, noise)
        scores_BE = logits_BE + noise.gumbel(logits_BE) if self.training else logits_BE
        hard_BE = torch.zeros_like(scores_BE).scatter(-1, scores_BE.argmax(-1, keepdim=True), 1.0)
        soft_BE = (scores_BE / self.temperature_11).softmax(-1)
        weights_BE = hard_BE + (soft_BE - soft_BE.detach())
        return Routing(logits_BE.softmax(-1), weights_BE, hard_BE > 0, hard_BE.log(), logits_BE)

    def without(self, routing: Routing, gone_E: Tensor, noise: Noise) -> Routing:
        """The arg-max of the others."""
        with_it_BE = given(routing.logits_BE, "logits_BE")
        logits_BE = with_it_BE.masked_fill(gone_E, -torch.inf)
        hard_BE = torch.zeros_like(logits_BE).scatter(-1, logits_BE.argmax(-1, keepdim=True), 1.0)
        return Routing(logits_BE.softmax(-1), hard_BE, hard_BE > 0, hard_BE.log(), logits_BE)
