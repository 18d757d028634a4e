"""No gate: every expert, always, with the same weight."""

import torch
from torch import Tensor, nn

from moe_lab.layers.shapes import broadcast
from moe_lab.parts import Combine, ExpertsOutput, Gate, Noise, Routing, Sizes, Traits


class Uniform(Gate):
    """Every expert for every sample with weight 1/E: no gate, an ensemble trained jointly on the mixture's loss.

    Unlike those of a deep ensemble, its experts are not trained independently. The gate has nothing to learn.
    Source: Dasarathy and Sheela 1979, A composite classifier system design (ensembles before gates).

    k:       null; every expert.
    combine: "probabilities" or "logits"; null: resolved when the config is composed.
    """

    traits = Traits(rows_sum_to_one=True, k="every", gives_logits=False)

    def __init__(self, sizes: Sizes, *, k: None = None, combine: Combine | None = None) -> None:
        super().__init__(sizes, k=k, combine=combine)
        # a buffer, so that a stack of runs has its axis even if the runs share a minibatch
        self.ones_1E = nn.Buffer(torch.ones(1, sizes.experts), persistent=False)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        lead = broadcast(x_BD.shape[:-2], self.ones_1E.shape[:-2])
        weights_BE = (self.ones_1E / self.sizes.experts).expand(*lead, x_BD.shape[-2], -1)
        return Routing(weights_BE, weights_BE, weights_BE > 0, log_weights_BE=weights_BE.log())
