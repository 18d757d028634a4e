"""DSelect-k: k experts chosen by bits that change smoothly from 0 to 1."""

import torch
from torch import Tensor

from moe_lab.parts import (
    Body,
    Combine,
    Count,
    ExpertsOutput,
    Gate,
    Linear,
    Noise,
    Positive,
    Routing,
    Sizes,
    Traits,
    hyper,
)


class DSelectK(Gate):
    """w = sum_i a_i r(t_i) over k selectors, a = softmax of k scores: at most k experts once selectors have settled.

    A selector has m = ceil(log2 E) bits S(t_j), and r_e = prod_j (S(t_j) if bit j of e is set, else 1 - S(t_j)).
    S is the smooth step: 0 below -gamma / 2, 1 above gamma / 2, and -2 t^3 / gamma^3 + 3 t / (2 gamma) + 1/2 between.
    t and a are linear in the features of one body (the paper's per-example gating); t starts near zero, at
    U(+-gamma / 100) for every weight and bias, so that every expert starts with about the same weight. Experts are
    identified by binary codes, so experts whose codes share bits are related: permuting experts is not the same as
    permuting parameters.

    If E is not a power of two, some codes belong to no expert, and rows are divided by their sums. A row whose
    selectors all have such codes has no weights (a sum of at most the floating point's epsilon); it gives every expert
    1 / E, without gradient. The routing's extras have the quantity for the regularizer selector_entropy,
    ``selector_entropy`` [...]. It is the batch's mean of sum_i H(r(t_i)), in nats, and if E is not a power of two also
    of sum_i 1 / sum_e r_e(t_i), which keeps selectors at codes of experts. (The authors' code sums over the batch, with
    weight 1 for the second term and 1e-6 for the first; here both have the same weight.)
    Source: Hazimeh et al. 2021, DSelect-k: differentiable selection in the mixture of experts, arXiv:2106.03760.

    body:    the network below the selectors, without its last layer.
    gamma:   width of the smooth step.
    k:       number of selectors; null: E.
    combine: "probabilities" or "logits"; null: resolved when the config is composed.
    """

    traits = Traits(rows_sum_to_one=True, active="learned", gives_logits=False, extras=frozenset({"selector_entropy"}))

    def __init__(
        self,
        sizes: Sizes,
        *,
        body: Body,
        gamma: Positive = 1.0,
        k: Count | None = 2,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self._bits = (sizes.experts - 1).bit_length()
        self.body = body
        self.bits = Linear(body.width, sizes.k * self._bits)
        for parameter in self.bits.parameters():
            parameter.data.uniform_(-gamma / 100, gamma / 100)
        self.mixing = Linear(body.width, sizes.k)
        self.gamma_11 = hyper(gamma, 2)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        features_BG = self.body(x_BD).relu()
        selectors_BKE = self._selectors(smooth_step(self.bits(features_BG) / self.gamma_11))
        shares_BK1 = self.mixing(features_BG).softmax(-1).unsqueeze(-1)
        log_weights_BE = log_normalized((shares_BK1 * selectors_BKE).sum(-2))
        weights_BE = log_weights_BE.exp()
        extras = {"selector_entropy": self._unsettled(selectors_BKE).mean(-1)}
        return Routing(weights_BE, weights_BE, weights_BE > 0, log_weights_BE, None, extras)

    def _selectors(self, steps_BX: Tensor) -> Tensor:
        """r of every selector, [..., B, K, E]; [..., B, K * bits] are the smooth steps."""
        experts_E1 = torch.arange(self.sizes.experts, device=steps_BX.device).unsqueeze(-1)
        code_EJ = (experts_E1 >> torch.arange(self._bits, device=steps_BX.device)) & 1
        steps_BK1J = steps_BX.unflatten(-1, (self.sizes.k, self._bits)).unsqueeze(-2)
        return torch.where(code_EJ > 0, steps_BK1J, 1 - steps_BK1J).prod(-1)

    def _unsettled(self, selectors_BKE: Tensor) -> Tensor:
        """The entropies, and the penalty on codes that belong to no expert; [..., B]."""
        zero_BKE = selectors_BKE <= 0
        entropy_B = torch.special.entr(selectors_BKE.masked_fill(zero_BKE, 1.0)).sum((-2, -1))
        if self.sizes.experts == 2**self._bits:
            return entropy_B
        least = torch.finfo(selectors_BKE.dtype).eps
        return entropy_B + (1 / selectors_BKE.sum(-1).clamp(min=least)).sum(-1)


def smooth_step(t: Tensor) -> Tensor:
    """0 below -1/2, 1 above 1/2, -2 t^3 + 3 t / 2 + 1/2 between: continuous with its first derivative."""
    t = t.clamp(-0.5, 0.5)
    return -2 * t**3 + 1.5 * t + 0.5


def log_normalized(mass_BE: Tensor) -> Tensor:
    """log of rows divided by their sums, -inf at zeros; log(1 / E) in rows without a sum."""
    total_B1 = mass_BE.sum(-1, keepdim=True)
    inside_B1 = total_B1 > torch.finfo(mass_BE.dtype).eps
    mass_BE = torch.where(inside_B1, mass_BE, 1.0)
    total_B1 = torch.where(inside_B1, total_B1, float(mass_BE.shape[-1]))
    zero_BE = mass_BE <= 0
    return (mass_BE.masked_fill(zero_BE, 1.0).log() - total_B1.log()).masked_fill(zero_BE, -torch.inf)
