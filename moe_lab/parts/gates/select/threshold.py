"""Each expert takes the samples whose score passes its own cutoff."""

import torch
from torch import Tensor, nn

from moe_lab.parts import Noise, Select, Sizes


class Threshold(Select):
    """Every expert with z_e > c_e: none to all of them a sample, and a row does not depend on its batch-mates.

    The cutoffs c start at zero; the controller ``expert_cutoff`` moves each to where its expert takes the share k / E
    of the samples. So k is how many experts a sample gets on average.
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
