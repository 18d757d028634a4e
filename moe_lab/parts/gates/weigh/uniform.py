"""Even weights."""

import torch
from torch import Tensor

from moe_lab.parts import Sizes, Weigh


class Uniform(Weigh):
    """w_e = 1 / (number of selected experts) if selected: the weights do not depend on the scores.

    probs are the weights (1/E for a sample that no expert got). The scores get no gradient, so this fits scores without
    parameters.
    Source: Roller et al. 2021, Hash layers for large sparse models, arXiv:2106.04426.
    """

    rows_sum_to_one = True
    still = frozenset({"weights_BE", "probs_BE"})

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        weights_BE = selected_BE.to(logits_BE.dtype) / selected_BE.sum(-1, keepdim=True).clamp(min=1)
        probs_BE = torch.where(selected_BE.any(-1, keepdim=True), weights_BE, 1 / logits_BE.shape[-1])
        return probs_BE, weights_BE, weights_BE.log()
