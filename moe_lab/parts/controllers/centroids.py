"""Centroids that follow the samples of their experts."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Share, Sizes, buffers_named, hyper


class Centroids(Controller):
    """m_e = d m_e + (1 - d) mean of the x that selected e, once per step; an expert without a sample keeps its m_e.

    The gate's scores are cosines with these centroids (gate=kmeans), so this is an online k-means, only in training.
    Source: Ahrac, Hochwald and Geva 2026, Routers learn the geometry of their experts, arXiv:2605.12476 (a running
    average of the hidden states that are routed to an expert).

    decay: d; moe-lab's choice.
    The number of experts that got no sample is logged. Needs a gate with ``centroid_ED``.
    """

    steers: ClassVar[str] = "centroid_ED"

    def __init__(self, sizes: Sizes, *, decay: Share = 0.99) -> None:
        super().__init__()
        self.decay_11 = hyper(decay, 2)
        self.empty = nn.Buffer(torch.zeros(()))

    def after_step(self, step: AnyStep) -> None:
        selected_EB = step.routing.selected_BE.to(step.x_BD.dtype).mT
        count_E1 = selected_EB.sum(-1, keepdim=True)
        mean_ED = (selected_EB @ step.x_BD) / count_E1.clamp(min=1)
        for centroid_ED in buffers_named(step.gate, self.steers):
            moved_ED = self.decay_11 * centroid_ED + (1 - self.decay_11) * mean_ED
            centroid_ED.copy_(torch.where(count_E1 > 0, moved_ED, centroid_ED))
        self.empty.copy_((count_E1 == 0).sum((-2, -1)))

    def readings(self) -> dict[str, Tensor]:
        return {"empty": self.empty}
