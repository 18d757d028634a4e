"""Each expert gets the samples whose score exceeds its own cutoff."""

import torch
from torch import Tensor, nn

from moe_lab.parts import Noise, Select, Sizes


class Threshold(Select):
    """Every expert with z_e > c_e: between none and all per sample, and a row does not depend on its batch-mates.

    The cutoffs c start at zero; the controller ``expert_cutoff`` updates each so that its expert gets the share k / E
    of the samples. So k is the mean number of experts per sample.
    Source: Sun et al. 2026, Expert threshold routing for autoregressive language modeling with dynamic computation
    allocation and load balancing, arXiv:2603.11535, eq. 4.
    """

    active = "learned"
    grows = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.cutoff_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return logits_BE > self.cutoff_1E
