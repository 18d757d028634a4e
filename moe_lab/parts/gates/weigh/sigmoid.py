"""Sigmoid weights."""

import torch
from torch import Tensor
from torch.nn import functional

from moe_lab.parts import ConfigError, Sizes, Weigh, log_softmax


class Sigmoid(Weigh):
    """s = sigmoid(z): the weights are s where selected; probs are s / sum s.

    Source: Wang et al. 2024, Auxiliary-loss-free load balancing, arXiv:2408.15664.

    renormalize: divide by the sum of the selected, so that rows sum to one, as DeepSeek-V3 (arXiv:2412.19437) has it.
    Raises ConfigError for k = 1 renormalized: that weight is always one, and gives the gate no gradient.
    """

    def __init__(self, sizes: Sizes, *, renormalize: bool = False) -> None:
        super().__init__()
        if renormalize and sizes.k == 1 and sizes.experts > 1:
            raise ConfigError(
                "gate.weigh.renormalize=true with k=1 gives the gate no gradient (the one weight is always "
                "1): take renormalize=false, or k of at least 2"
            )
        self._renormalize = renormalize

    @property
    def rows_sum_to_one(self) -> bool:
        return self._renormalize

    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        log_scores_BE = functional.logsigmoid(logits_BE)
        probs_BE = log_scores_BE.softmax(-1)
        if not self._renormalize:
            return probs_BE, logits_BE.sigmoid().masked_fill(~selected_BE, 0.0), None
        # a row without any selected expert would be NaN, also in its gradient
        others_BE = ~selected_BE & selected_BE.any(-1, keepdim=True)
        log_weights_BE = log_softmax(log_scores_BE.masked_fill(others_BE, -torch.inf))
        log_weights_BE = log_weights_BE.masked_fill(~selected_BE, -torch.inf)
        return probs_BE, log_weights_BE.exp(), log_weights_BE
