"""The k largest scores."""

import torch
from torch import Tensor

from moe_lab.noise import Noise
from moe_lab.parts import Select


class TopK(Select):
    """The k experts of the largest logits; of equal logits the lower index. With k = E every expert.

    Source: Shazeer et al. 2017, arXiv:1701.06538, eq. 5.
    """

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        if self.sizes.k == self.sizes.experts:
            return torch.ones_like(logits_BE, dtype=torch.bool)
        best_BK = logits_BE.argsort(stable=True, dim=-1, descending=True)[..., : self.sizes.k]
        return torch.zeros_like(logits_BE, dtype=torch.bool).scatter(-1, best_BK, True)
