"""No gate during training; afterwards the expert that is most often right on nearby samples."""

import torch
from torch import Tensor, nn

from moe_lab.layers.shapes import broadcast
from moe_lab.parts import Combine, Count, ExpertsOutput, Gate, Noise, Routing, Sizes, Traits, k_largest


class ClassifierSelection(Gate):
    """The k experts of the highest local accuracy, the share of a sample's nearest neighbours that they get right.

    In training every expert has weight 1 / E. After every epoch the gate is fitted to the validation split (the
    training split if there is none): it stores up to ``memory`` samples and which experts classify them correctly. In
    evaluation the k experts that are right most often on the ``neighbours`` nearest of these (Euclidean) get 1 / k.
    Ties go to those that are right more often on all of them, then to the lower index. A sample at distance zero counts
    as the sample itself and is left out, so validation samples are evaluated by other samples. probs are the local
    accuracies, with rows divided by their sums. Nothing is learned by gradient.
    Source: Woods, Kegelmeyer and Bowyer 1997, Combination of multiple classifiers using local accuracy estimates.

    neighbours: number of neighbours.
    memory:     most samples that are stored.
    k:          experts a sample in evaluation; null: E.
    combine:    "probabilities" or "logits"; null: resolved when the config is composed.
    """

    traits = Traits(rows_sum_to_one=True, mixes=True, active="mode", gives_logits=False, needs_fitting=True)
    task = "classification"

    def __init__(
        self,
        sizes: Sizes,
        *,
        neighbours: Count = 10,
        memory: Count = 1000,
        k: Count | None = 1,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self._neighbours = min(neighbours, memory)
        self.memory_MD = nn.Buffer(torch.zeros(memory, sizes.features))
        self.right_ME = nn.Buffer(torch.zeros(memory, sizes.experts))
        self.kept_1M = nn.Buffer(torch.zeros(1, memory))

    def fit(self, x_ND: Tensor, right_NE: Tensor) -> None:
        kept = min(self.memory_MD.shape[-2], x_ND.shape[-2])
        self.memory_MD[..., :kept, :] = x_ND[..., :kept, :]
        self.right_ME[..., :kept, :] = right_NE[..., :kept, :].to(self.right_ME.dtype)
        self.kept_1M[..., :kept] = 1

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        count = self.sizes.experts
        if self.training:
            lead = broadcast(x_BD.shape[:-2], self.memory_MD.shape[:-2])
            weights_BE = x_BD.new_full((*lead, x_BD.shape[-2], count), 1 / count)
            return Routing(weights_BE, weights_BE, weights_BE > 0, weights_BE.log())
        score_BE = self._right_nearby(x_BD) + self.right_ME.mean(-2, keepdim=True) / 2
        total_B1 = score_BE.sum(-1, keepdim=True)
        probs_BE = torch.where(total_B1 > 0, score_BE / total_B1.masked_fill(total_B1 <= 0, 1.0), 1 / count)
        selected_BE = k_largest(score_BE, self.sizes.k)
        weights_BE = selected_BE.to(x_BD.dtype) / self.sizes.k
        return Routing(probs_BE, weights_BE, selected_BE, weights_BE.log())

    def without(self, routing: Routing, gone_E: Tensor, noise: Noise) -> Routing:
        """The k experts of the highest local accuracy among the others."""
        selected_BE = k_largest(routing.probs_BE.masked_fill(gone_E, -torch.inf), self.sizes.k) & ~gone_E
        weights_BE = selected_BE / selected_BE.sum(-1, keepdim=True).to(routing.probs_BE.dtype)
        probs_BE = routing.probs_BE.masked_fill(gone_E, 0.0)
        return Routing(probs_BE, weights_BE, selected_BE, weights_BE.log())

    def _right_nearby(self, x_BD: Tensor) -> Tensor:
        """The number of a sample's neighbours on which each expert was right."""
        distance_BM = torch.cdist(x_BD, self.memory_MD, compute_mode="donot_use_mm_for_euclid_dist")
        distance_BM = distance_BM.masked_fill((distance_BM == 0) | (self.kept_1M == 0), torch.inf)
        nearest = distance_BM.topk(self._neighbours, dim=-1, largest=False)
        voices = nearest.values.isfinite().to(x_BD.dtype)
        return torch.zeros_like(distance_BM).scatter(-1, nearest.indices, voices) @ self.right_ME
