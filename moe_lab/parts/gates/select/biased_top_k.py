"""The k largest of scores plus a bias that a controller moves."""

from typing import Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import Noise, Select, Sizes, k_largest


class BiasedTopK(Select):
    """The k experts of the largest s_e + b_e. The bias enters the selection, never the weight.

    b (``selection_bias_1E``, a buffer) starts at zero and has no gradient; the controller ``loss_free_bias`` moves it
    so that loads even out. Without a controller these are the k largest scores. Of equal sums the larger
    logit counts, as s rounds to one or to zero long before logits end (sigmoid in float32 to one from 16.7 on); then
    the lower index.
    Source: Wang et al. 2024, Auxiliary-loss-free load balancing, arXiv:2408.15664.

    score: s, what the bias is added to: "sigmoid" of the logits, as the paper has it, or their "softmax".
    """

    grows = True

    def __init__(self, sizes: Sizes, *, score: Literal["sigmoid", "softmax"] = "sigmoid") -> None:
        super().__init__(sizes)
        self._softmax = score == "softmax"
        self.selection_bias_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)

    def biased(self, logits_BE: Tensor) -> Tensor:
        """What is compared: s + b, and -inf for an expert that is not there, whose logit is -inf."""
        score_BE = logits_BE.softmax(-1) if self._softmax else logits_BE.sigmoid()
        return (score_BE + self.selection_bias_1E).masked_fill(logits_BE == -torch.inf, -torch.inf)

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return k_largest(self.biased(logits_BE), self.sizes.k, logits_BE)
