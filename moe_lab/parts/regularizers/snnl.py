"""Soft nearest neighbours: samples of one class are close to each other in the gate's features."""

from typing import ClassVar

import torch
from torch import Tensor

from moe_lab.parts import BatchNorm2d, Body, Gate, NonNegative, Positive, Reason, Regularizer, Sizes, Step, hyper
from moe_lab.tasks import Task


class Snnl(Regularizer):
    """mean_i -log(sum_{j != i, y_j = y_i} exp(-d_ij / T) / sum_{j != i} exp(-d_ij / T)), in nats.

    d_ij = |f_i - f_j|^2 with f = relu(h(x)), h the body of the gate, the input of its scores. The quotient is the
    probability that a neighbour of sample i, drawn by its closeness, has the same class. The mean is over the samples
    of a batch that share their class with another one, and 0 if there are none.
    Source: Frosst, Papernot and Hinton 2019, Analyzing and improving representations with the soft nearest neighbor
    loss, arXiv:1902.01889; Agarap and Azcarraga 2026, Mixture of experts with soft nearest neighbor loss,
    arXiv:2603.26734, whose features are also the experts' inputs. The defaults are not theirs.

    weight:      its coefficient.
    temperature: T, in the unit of d.
    Needs a gate with a body, without batch normalization: the features are computed a second time, so it would count
    every batch twice.
    """

    task: ClassVar[Task | None] = "classification"
    reads_input: ClassVar[bool] = True

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.1, temperature: Positive = 1.0) -> None:
        super().__init__(weight)
        self.temperature_11 = hyper(temperature, 2)

    def misfit(self, gate: Gate) -> Reason | None:
        body = _body(gate)
        if body is None:
            return Reason("needs a gate whose scores come from features of its own, and this one's do not")
        if any(isinstance(part, BatchNorm2d) for part in body.modules()):
            lacks = (
                "computes the gate's features a second time, and their batch normalization would count a batch twice"
            )
            return Reason(lacks, ("take gate/score/body=conv",))
        return None

    def forward(self, step: Step) -> Tensor:
        body = _body(step.gate)
        if body is None:
            raise TypeError("regularizer snnl acts on the body of a gate, and this gate has none")
        return entanglement_nats(body(step.x_BD).relu(), step.y_B, self.temperature_11)


def entanglement_nats(features_BG: Tensor, y_B: Tensor, temperature_11: Tensor) -> Tensor:
    """The loss [...] of features [..., B, G] and classes [..., B]."""
    closeness_BB = -squared_distances(features_BG) / temperature_11
    others_BB = ~torch.eye(y_B.shape[-1], dtype=torch.bool, device=y_B.device)
    same_BB = (y_B.unsqueeze(-1) == y_B.unsqueeze(-2)) & others_BB
    counts_B1 = same_BB.any(-1, keepdim=True)
    # a row without any neighbour would be NaN, also in its gradient
    same_B = closeness_BB.masked_fill(~same_BB & counts_B1, -torch.inf).logsumexp(-1)
    every_B = closeness_BB.masked_fill(~others_BB & counts_B1, -torch.inf).logsumexp(-1)
    counts_B = counts_B1.squeeze(-1)
    return torch.where(counts_B, every_B - same_B, 0.0).sum(-1) / counts_B.sum(-1).clamp(min=1)


def squared_distances(x_BG: Tensor) -> Tensor:
    """|x_i - x_j|^2, [..., B, B], by one product; from the batch's mean, which loses fewer digits."""
    x_BG = x_BG - x_BG.mean(-2, keepdim=True).detach()
    squares_B1 = x_BG.square().sum(-1, keepdim=True)
    return (squares_B1 + squares_B1.mT - 2 * x_BG @ x_BG.mT).clamp(min=0.0)


def _body(gate: Gate) -> Body | None:
    """The network under the gate's scores; None if there is none."""
    return next((part for part in gate.modules() if isinstance(part, Body)), None)
