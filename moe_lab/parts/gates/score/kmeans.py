"""Scores from the cosine with centroids that follow the samples."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.parts import ExpertsOutput, Noise, Positive, Score, Sizes, hyper


class KMeans(Score):
    """z_e = cos(x, m_e) / tau, m_e a centroid of each expert. Nothing is learned from the loss.

    The centroids start in random directions; the controller ``centroids`` moves each to the running mean of the samples
    that its expert has got, which makes this an online k-means.
    Source: Ahrac, Hochwald and Geva 2026, Routers learn the geometry of their experts, arXiv:2605.12476 (running means,
    cosine). Its weights of the selected experts could not be found; here they are the softmax of z.

    tau: temperature of the weights; it does not change the selection.
    """

    def __init__(self, sizes: Sizes, *, tau: Positive = 0.1) -> None:
        super().__init__()
        self.centroid_ED = nn.Buffer(torch.empty(sizes.experts, sizes.features).normal_())
        self.tau_11 = hyper(tau, 2)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        return functional.normalize(x_BD, dim=-1) @ functional.normalize(self.centroid_ED, dim=-1).mT / self.tau_11
