"""Coupling of experts and gate: each expert responds most to its own column of the gate."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import (
    Experts,
    Gate,
    Linear,
    Noise,
    NonNegative,
    Positive,
    Reason,
    Regularizer,
    Sizes,
    Step,
    SteppedGate,
    evaluating,
    given,
    hyper,
)


class Erc(Regularizer):
    """1/E^2 sum_i sum_{j != i} max(M_ij - alpha M_ii, 0) + max(M_ji - alpha M_ii, 0): expert-router coupling.

    M_ij = |h_j(r_i)| is the length of expert j's hidden layer, before its activation, for the proxy of expert i: r_i =
    R_i * delta_i, R_i the column of expert i in a linear gate. Every coordinate of delta_i is uniform in [1 - eps_i, 1
    + eps_i]; eps_i = |R_i - R_n| / (2 |R_i|), n the nearest other column, keeps r_i nearest to R_i. No gradient flows
    through eps.
    Source: Lv et al. 2025, Coupling experts and routers in mixture-of-experts via an auxiliary loss, arXiv:2512.23447,
    eq. 3 and 4, where h_j has no bias; its alpha is 1 for 64 experts and 0.5 for 256.

    weight:       its coefficient; 1, as in the paper.
    alpha:        the smaller, the more an expert must respond to its own proxy. From 1 on experts may be alike.
    relative:     divide both terms by M_ii. Otherwise the loss also depends on the scale of M, which is not about
                  experts; with it a factor common to all experts or all columns has no effect.
    through_gate: whether the loss has a gradient with respect to R, through the proxies. The paper does not say; a
                  public implementation of its equations computes the proxies without gradient, so that only experts
                  learn.
    Logs ``alpha_held``, max_{i != j} max(M_ij, M_ji) / M_ii: from this alpha on the loss is 0. The authors' network
    without the loss needs 5 (appendix A.1, from R without delta). M is computed as in evaluation, so that proxies do
    not affect batch normalization. Needs at least two experts, with a hidden layer, and a gate that is linear in the
    input (gate/score=linear).
    """

    least_experts: ClassVar[int] = 2
    needs_every_expert: ClassVar[bool] = True
    absent: ClassVar[Mapping[str, Any]] = {"through_gate": True}

    def __init__(
        self,
        sizes: Sizes,
        *,
        weight: NonNegative = 1.0,
        alpha: Positive = 1.0,
        relative: bool = False,
        through_gate: bool = True,
    ) -> None:
        super().__init__(weight)
        sizes.read_hidden("regularizer erc")
        self._relative = relative
        self._through_gate = through_gate
        self.alpha_11 = hyper(alpha, 2)
        self.alpha_held = nn.Buffer(torch.zeros(()), persistent=False)

    def misfit(self, gate: Gate) -> Reason | None:
        if linear_head(gate) is None:
            lacks = "needs a gate whose scores are linear in the input, and this one's are not"
            return Reason(lacks, ("take gate/score=linear",))
        return None

    def forward(self, step: Step) -> Tensor:
        columns_EI = given(linear_head(step.gate), "the gate's linear layer").weight_IO.mT
        proxies_EI = proxies(columns_EI if self._through_gate else columns_EI.detach(), step.noise)
        response_EE = responses(step.experts, proxies_EI)
        own_E = response_EE.diagonal(dim1=-2, dim2=-1)
        with torch.no_grad():
            self.alpha_held.copy_(_largest_ratio(response_EE, own_E))
        return coupling(response_EE, own_E, self.alpha_11, relative=self._relative)

    def readings(self) -> dict[str, Tensor]:
        return {"alpha_held": self.alpha_held}


def proxies(columns_EI: Tensor, noise: Noise) -> Tensor:
    """The proxies: the columns with each coordinate perturbed, but still nearest to their own column."""
    with torch.no_grad():
        distance_EE = torch.cdist(columns_EI, columns_EI, compute_mode="donot_use_mm_for_euclid_dist")
        distance_EE = _off_diagonal(distance_EE, torch.inf)
        length_E1 = columns_EI.norm(dim=-1, keepdim=True)
        eps_E1 = distance_EE.amin(-1, keepdim=True) / (2 * torch.where(length_E1 > 0, length_E1, 1.0))
        factor_EI = 1 + eps_E1 * (2 * noise.uniform(columns_EI) - 1)
    return columns_EI * factor_EI


def responses(experts: Experts, proxies_EI: Tensor) -> Tensor:
    """M [..., E, E]: rows are proxies, columns the experts that get them as input."""
    with evaluating(experts):
        hidden_EPH, _ = experts.compute(proxies_EI.unsqueeze(-3))
    return given(hidden_EPH, "the experts' hidden layer").norm(dim=-1).mT


def coupling(response_EE: Tensor, own_E: Tensor, alpha_11: Tensor, *, relative: bool) -> Tensor:
    """The loss [...] of M and its diagonal."""
    bound_E1 = alpha_11 * own_E.unsqueeze(-1)
    # M_ij and M_ji against the same M_ii
    excess_EE = (response_EE - bound_E1).relu() + (response_EE.mT - bound_E1).relu()
    if relative:
        excess_EE = excess_EE / torch.where(own_E > 0, own_E, 1.0).unsqueeze(-1)
    return _off_diagonal(excess_EE, 0.0).mean((-2, -1))


def _largest_ratio(response_EE: Tensor, own_E: Tensor) -> Tensor:
    other_E = _off_diagonal(response_EE.maximum(response_EE.mT), 0.0).amax(-1)
    return (other_E / torch.where(own_E > 0, own_E, 1.0)).amax(-1)


def _off_diagonal(values_EE: Tensor, on_it: float) -> Tensor:
    diagonal_EE = torch.eye(values_EE.shape[-1], dtype=torch.bool, device=values_EE.device)
    return values_EE.masked_fill(diagonal_EE, on_it)


def linear_head(gate: Gate) -> Linear | None:
    """The layer that computes the scores from the input itself; None if there is no such layer."""
    return gate.head if isinstance(gate, SteppedGate) and gate.score.linear_in_input else None
