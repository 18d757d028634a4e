"""Cosine scores, which do not depend on the length of an expert's vector."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.parts import Body, Count, ExpertsOutput, Linear, Noise, Positive, Score, Sizes, hyper


class Cosine(Score):
    """z_e = cos(h W, m_e) / tau: the angle between a projection of the gate's features and a vector of each expert.

    h = relu(body(x)), W projects without bias, and tau > 0 is learned (by its logarithm).
    Source: Chi et al. 2022, On the representation collapse of sparse mixture of experts (X-MoE), arXiv:2204.09179.

    body:       the gate's network without its last layer.
    projection: width of h W; 16, half of the paper's 32 experts.
    tau:        temperature at the start.
    learn_tau:  false keeps tau as it is.
    """

    def __init__(
        self, sizes: Sizes, *, body: Body, projection: Count = 16, tau: Positive = 0.3, learn_tau: bool = True
    ) -> None:
        super().__init__()
        self.body = body
        self.project = Linear(body.width, projection, bias=False)
        self.m_EH = nn.Parameter(torch.empty(sizes.experts, projection).normal_())
        log_tau_11 = torch.full((1, 1), math.log(tau))
        self.log_tau_11 = nn.Parameter(log_tau_11) if learn_tau else nn.Buffer(log_tau_11, persistent=False)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        return self.cosine(self.project(self.body(x_BD).relu()), self.m_EH) * (-self.log_tau_11).exp()

    def columns(self) -> tuple[Tensor, ...]:
        return (self.m_EH.mT,)

    def cosine(self, h_BH: Tensor, m_EH: Tensor) -> Tensor:
        """[..., B, E]; 0 for a vector of zeros."""
        return functional.normalize(h_BH, dim=-1) @ functional.normalize(m_EH, dim=-1).mT


class PerturbedCosine(Cosine):
    """z_e = (h W . m_e) / ((|h W| + tau_1) (|m_e| + tau_2)) / tau: constants keep the lengths away from zero.

    The constants are the paper's addition to cosine scores; nothing is random. With tau=1 and learn_tau=false it is the
    paper's formula; the learned temperature is that of ``cosine``.
    Source: Nguyen et al. 2024, Statistical advantages of perturbing cosine router in mixture of experts,
    arXiv:2405.14131.

    body, projection, tau, learn_tau: as for cosine.
    perturb_input:  tau_1.
    perturb_expert: tau_2.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        body: Body,
        projection: Count = 16,
        tau: Positive = 0.3,
        learn_tau: bool = True,
        perturb_input: Positive = 0.1,
        perturb_expert: Positive = 0.1,
    ) -> None:
        super().__init__(sizes, body=body, projection=projection, tau=tau, learn_tau=learn_tau)
        self.input_11 = hyper(perturb_input, 2)
        self.expert_11 = hyper(perturb_expert, 2)

    def cosine(self, h_BH: Tensor, m_EH: Tensor) -> Tensor:
        h_B1 = h_BH.norm(dim=-1, keepdim=True) + self.input_11
        m_E1 = m_EH.norm(dim=-1, keepdim=True) + self.expert_11
        return (h_BH / h_B1) @ (m_EH / m_E1).mT
