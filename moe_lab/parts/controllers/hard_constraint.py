"""Hard constraint: at the start of training an overloaded expert gets no weight."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Gate, Positive, Routing, Share, Sizes, hyper


class HardConstraint(Controller):
    """At the start of training, experts with too large a share so far get weight zero, and the others more.

    An expert is held back if its running mean share exceeds the mean over experts by more than ``margin``. The other
    weights of a sample are scaled up to the former sum. An expert's running share is its mean row-normalized weight, as
    constrained, over all samples so far; it is updated once per step. A sample whose experts are all held back keeps
    its weights. The gate's full distribution is not changed. The constraint is active in the first share ``until`` of
    training, and never in evaluation.
    Source: Eigen, Ranzato and Sutskever 2013, Learning factored representations in a deep mixture of experts,
    arXiv:1312.4314.

    margin: largest excess of the share.
    until:  share of the training steps with the constraint.
    The number of experts that are held back is logged. Needs a gate that selects at least two experts per sample: with
    one there is no other weight.
    """

    least_k: ClassVar[int] = 2

    def __init__(self, sizes: Sizes, *, margin: Share = 0.1, until: Positive = 0.1) -> None:
        super().__init__()
        self.margin_11 = hyper(margin, 2)
        self.until_11 = hyper(until, 2)
        self.total_1E = nn.Buffer(torch.zeros(1, sizes.experts))
        self.held_back_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)

    def before_step(self, gate: Gate, progress: Tensor) -> None:
        samples_11 = self.total_1E.sum(-1, keepdim=True)
        share_1E = self.total_1E / torch.where(samples_11 > 0, samples_11, 1.0)
        over_1E = share_1E - share_1E.mean(-1, keepdim=True) > self.margin_11
        self.held_back_1E.copy_(over_1E & (progress[..., None, None] < self.until_11))

    def constrain(self, routing: Routing) -> Routing:
        held_BE = routing.selected_BE & (self.held_back_1E > 0)
        left_BE = routing.selected_BE & ~held_BE
        # in log space a weight that is zero in floating point can still be scaled up
        scalable_BE = left_BE if routing.log_weights_BE is not None else left_BE & (routing.weights_BE > 0)
        touched_B1 = held_BE.any(-1, keepdim=True) & scalable_BE.any(-1, keepdim=True)
        selected_BE = torch.where(touched_B1, left_BE, routing.selected_BE)
        if routing.log_weights_BE is None:
            left_weights_BE = routing.weights_BE.masked_fill(~selected_BE, 0.0)
            sum_B1, left_B1 = (weights_BE.sum(-1, keepdim=True) for weights_BE in (routing.weights_BE, left_weights_BE))
            scaled_BE = left_weights_BE * (sum_B1 / torch.where(left_B1 > 0, left_B1, 1.0))
            weights_BE = torch.where(touched_B1, scaled_BE, routing.weights_BE)
            return replace(routing, weights_BE=weights_BE, selected_BE=selected_BE)
        rescaled_BE = routing.log_weights_BE.masked_fill(~selected_BE, -torch.inf).log_softmax(-1)
        log_weights_BE = torch.where(touched_B1, rescaled_BE, routing.log_weights_BE)
        weights_BE = torch.where(touched_B1, rescaled_BE.exp(), routing.weights_BE)
        return replace(routing, weights_BE=weights_BE, log_weights_BE=log_weights_BE, selected_BE=selected_BE)

    def after_step(self, step: AnyStep) -> None:
        weights_BE = step.routing.weights_BE
        sum_B1 = weights_BE.sum(-1, keepdim=True)
        share_BE = weights_BE / torch.where(sum_B1 > 0, sum_B1, 1.0)
        self.total_1E.add_(share_BE.sum(-2, keepdim=True))

    def readings(self) -> dict[str, Tensor]:
        return {"held_back": self.held_back_1E.sum((-2, -1))}
