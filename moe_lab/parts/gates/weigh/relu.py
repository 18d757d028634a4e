"""ReLU weights."""

import torch
from torch import Tensor

from moe_lab.parts import Sizes, Weigh


class Relu(Weigh):
    """w_e = max(z_e, 0): the experts with positive scores, between none and all; probs are softmax(z).

    Rows do not sum to one, and the gate learns their scale. A regularizer on the weights is needed to keep few experts
    active. With k < E only the k largest scores can be positive.
    Source: Wang, Zhu and Chen 2024, ReMoE, arXiv:2412.14711.
    """

    sparse = True
    silent = True
    rows_sum_to_one = False

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        return logits_BE.softmax(-1), torch.where(selected_BE, logits_BE.relu(), 0.0), None
