"""The k largest scores."""

import torch
from torch import Tensor, nn

from moe_lab.parts import Noise, Select, Sizes, k_largest


class TopK(Select):
    """The k experts of the largest z_e + b_e; ties by index. With k = E every expert.

    The selection bias b is zero unless a controller updates it, and is never used in weights.
    Source: Shazeer et al. 2017, arXiv:1701.06538, eq. 5.
    """

    grows = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.selection_bias_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)

    def biased(self, logits_BE: Tensor) -> Tensor:
        return logits_BE + self.selection_bias_1E

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return k_largest(self.biased(logits_BE), self.sizes.k)
