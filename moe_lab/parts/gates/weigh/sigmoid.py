"""Sigmoid weights."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from moe_lab.parts import ConfigError, Positive, Sizes, Weigh, log_softmax


class Sigmoid(Weigh):
    """s = sigmoid(z): the weights are c s if selected, or c s / sum_{selected} s; probs are s / sum s.

    Source: Wang et al. 2024, Auxiliary-loss-free load balancing, arXiv:2408.15664; DeepSeek-AI 2024, DeepSeek-V3
    technical report, arXiv:2412.19437, section 2.1.2 (renormalized; c = 2.5 in its published config).

    renormalize: divide by the sum of the selected; null: if k is 2 or more.
    scale:       c. Rows of weights sum to one if they are renormalized and c is 1.
    Raises ConfigError for k = 1 renormalized: that weight is always c, and gives the gate no gradient.
    """

    #: left out of the key at its default, so that keys of earlier versions stay valid
    absent: ClassVar[dict[str, float]] = {"scale": 1.0}

    def __init__(self, sizes: Sizes, *, renormalize: bool | None = False, scale: Positive = 1.0) -> None:
        super().__init__()
        if renormalize and sizes.k == 1 and sizes.experts > 1:
            raise ConfigError(
                "gate.weigh.renormalize=true with k=1 gives the gate no gradient (the one weight is always "
                f"{scale:g}): take renormalize=false, or k of at least 2"
            )
        self._renormalize = sizes.k > 1 if renormalize is None else renormalize
        self._scale = scale
        self.resolved = {"renormalize": self._renormalize}

    @property
    def rows_sum_to_one(self) -> bool:
        return self._renormalize and self._scale == 1

    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        log_scores_BE = functional.logsigmoid(logits_BE)
        probs_BE = log_scores_BE.softmax(-1)
        if not self._renormalize:
            return probs_BE, torch.where(selected_BE, self._scale * logits_BE.sigmoid(), 0.0), None
        # a row without any selected expert would be NaN, also in its gradient
        others_BE = ~selected_BE & selected_BE.any(-1, keepdim=True)
        log_weights_BE = log_softmax(torch.where(others_BE, -torch.inf, log_scores_BE))
        log_weights_BE = torch.where(selected_BE, log_weights_BE, -torch.inf)
        if self._scale != 1:
            return probs_BE, self._scale * log_weights_BE.exp(), None
        return probs_BE, log_weights_BE.exp(), log_weights_BE
