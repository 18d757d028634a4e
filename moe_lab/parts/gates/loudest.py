"""No gate: weights from the experts' own confidence."""

import math

import torch
from torch import Tensor

from moe_lab.parts import (
    Combine,
    ExpertOutput,
    ExpertsOutput,
    Gate,
    Noise,
    Positive,
    Routing,
    Sizes,
    Traits,
    expect,
    hyper,
)

LN2 = math.log(2)


class Loudest(Gate):
    """w = softmax(-H_e / T), H_e the entropy in bits of expert e's own class probabilities: no network, no gradient.

    Every expert runs. No label is read, so it is the same in training and at test. The routing's extras have H as
    ``expert_entropy_BE``. The paper's code predicts with the arg-max alone (``inference=argmax``), and lowers T from 10
    to 0.001 during training.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 ("loudest expert").

    temperature: T, bits.
    k:           null; every expert.
    combine:     "probabilities" or "logits"; null: resolved when the config is composed.
    """

    traits = Traits(
        rows_sum_to_one=True,
        k="every",
        reads_experts=True,
        gives_logits=False,
        extras=frozenset({"expert_entropy_BE"}),
    )
    task = "classification"

    def __init__(
        self, sizes: Sizes, *, temperature: Positive = 1.0, k: None = None, combine: Combine | None = None
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.temperature_11 = hyper(temperature, 2)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        log_probs_BEC = expect(ExpertOutput, experts).log_probs_BEC.detach()
        entropy_BE = torch.special.entr(log_probs_BEC.exp()).sum(-1) / LN2
        log_weights_BE = (-entropy_BE / self.temperature_11).log_softmax(-1)
        weights_BE = log_weights_BE.exp()
        extras = {"expert_entropy_BE": entropy_BE}
        return Routing(weights_BE, weights_BE, torch.ones_like(weights_BE) > 0, log_weights_BE, None, extras)
