"""No gate: the experts' own confidence decides."""

import math

import torch
from torch import Tensor

from moe_lab.parts import Combine, Gate, Noise, Positive, Routing, Sizes, given, hyper

LN2 = math.log(2)


class Loudest(Gate):
    """w = softmax(-H_e / T), H_e the entropy in bits of expert e's own class probabilities: no network, no gradient.

    Every expert runs. No label is read, so it serves at test as it does in training. The routing's extras hold H as
    ``expert_entropy_BE``. The paper's code answers with the arg-max alone (``inference=argmax``), and lowers T from 10
    to 0.001 while it trains.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 ("loudest expert").

    temperature: T, bits.
    k:           null; every expert.
    combine:     "probabilities" or "logits"; null: resolved when the config is composed.
    """

    rows_sum_to_one = True
    gives_logits = False
    task = "classification"
    needs_hidden = True
    needs_outputs = True
    extras = frozenset({"expert_entropy_BE"})

    def __init__(
        self, sizes: Sizes, *, temperature: Positive = 1.0, k: None = None, combine: Combine | None = None
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.temperature_11 = hyper(temperature, 2)

    @property
    def usable_k(self) -> range:
        return range(self.sizes.experts, self.sizes.experts + 1)

    def forward(self, x_BD: Tensor, log_probs_BEC: Tensor | None, noise: Noise) -> Routing:
        entropy_BE = torch.special.entr(given(log_probs_BEC, "log_probs_BEC").detach().exp()).sum(-1) / LN2
        log_weights_BE = (-entropy_BE / self.temperature_11).log_softmax(-1)
        weights_BE = log_weights_BE.exp()
        extras = {"expert_entropy_BE": entropy_BE}
        return Routing(weights_BE, weights_BE, torch.ones_like(weights_BE) > 0, log_weights_BE, None, extras)
