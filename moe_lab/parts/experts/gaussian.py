"""Experts for regression that predict a Gaussian density."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from moe_lab.parts import Count, ExpertCount, Experts, GaussianExpertOutput, Linear, Positive, Sizes, hyper
from moe_lab.parts.networks.mlp import Mlp as Body


class _GaussianExperts(Experts):
    """Networks whose last layer outputs a mean and s, the logarithm of a standard deviation.

    The variance has a floor, exp(2 s) + least_sd^2, computed in log space so that the gradient never vanishes.
    """

    task = "regression"

    def __init__(
        self, count: int, network: Callable[[], nn.Module], hidden_features: int | None, least_sd: float
    ) -> None:
        super().__init__(count, network, hidden_features)
        self.least_sd_11 = hyper(least_sd, 2)

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> GaussianExpertOutput:
        mean_BE, log_sd_BE = last_EBO.movedim(-1, -3).mT.unbind(-3)
        log_variance_BE = torch.logaddexp(2 * log_sd_BE, 2 * self.least_sd_11.log())
        return GaussianExpertOutput(mean_BE, log_variance_BE, hidden_BEH)


class Gaussian(_GaussianExperts):
    """E networks with one hidden layer h = relu(x W_e + b_e): N(y; h m_e + c_e, exp(2 (h s_e + d_e)) + least_sd^2).

    Mean and variance of each depend on the input. Without a floor the likelihood has no upper bound: the variance of an
    expert that predicts one target exactly may go to zero.
    Source: Bishop 1994, Mixture density networks, NCRG/94/004, with a hidden layer for each component.

    count:    E, the number of experts.
    hidden:   H, the width of an expert's hidden layer.
    least_sd: floor of the standard deviation, in sd of y.
    """

    def __init__(self, sizes: Sizes, *, count: ExpertCount = 5, hidden: Count = 16, least_sd: Positive = 1e-3) -> None:
        super().__init__(count, lambda: _Network(sizes, hidden), hidden, least_sd)


class LinearGaussian(_GaussianExperts):
    """E linear regressions, each with its own variance: N(y; x W_e + b_e, exp(2 s_e) + least_sd^2).

    They have no hidden layer, so gates that read hidden features refuse them.
    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm.

    count:    E, the number of experts.
    least_sd: floor of the standard deviation, in sd of y.
    """

    def __init__(self, sizes: Sizes, *, count: ExpertCount = 5, least_sd: Positive = 1e-3) -> None:
        super().__init__(count, lambda: _Line(sizes), None, least_sd)


class _Network(nn.Module):
    def __init__(self, sizes: Sizes, hidden: int) -> None:
        super().__init__()
        self.body = Body(sizes, hidden=(hidden,))
        self.mean = Linear(hidden, 1)
        self.log_sd = Linear(hidden, 1)

    def forward(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        hidden_BH = self.body(x_BD)
        active_BH = hidden_BH.relu()
        return hidden_BH, torch.cat([self.mean(active_BH), self.log_sd(active_BH)], -1)


class _Line(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.mean = Linear(sizes.features, 1)
        self.log_sd_11 = nn.Parameter(torch.zeros(1, 1))

    def forward(self, x_BD: Tensor) -> tuple[None, Tensor]:
        mean_B1 = self.mean(x_BD)
        return None, torch.cat([mean_B1, self.log_sd_11.expand_as(mean_B1)], -1)
