"""Inference of a trained mixture: with all weighted experts, or with one expert per sample."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from moe_lab.layers.noise import Noise
from moe_lab.routing.decision import Routing

#: mixture: as in training; argmax: only the expert with the largest weight, the lowest index among equal weights;
#: sample: one expert, drawn with probabilities proportional to the weights
Inference = Literal["mixture", "argmax", "sample"]


def infer(routing: Routing, inference: Inference, noise: Noise) -> Routing:
    """The routing in evaluation. A single expert gets the weight one; a sample without an expert stays without."""
    match inference:
        case "mixture":
            return routing
        case "argmax":
            return _alone(routing, routing.weights_BE)
        case "sample":
            log_weights_BE = _log(routing.weights_BE)
            return _alone(routing, log_weights_BE + noise.gumbel(log_weights_BE))


def _log(weights_BE: Tensor) -> Tensor:
    return torch.where(weights_BE > 0, weights_BE, 1.0).log().masked_fill(weights_BE <= 0, -torch.inf)


def _alone(routing: Routing, scores_BE: Tensor) -> Routing:
    """The routing with only the expert of the largest score."""
    best_BE = torch.zeros_like(scores_BE).scatter(-1, scores_BE.argmax(-1, keepdim=True), 1.0)
    weights_BE = torch.where((routing.weights_BE > 0).any(-1, keepdim=True), best_BE, 0.0)
    selected_BE = weights_BE > 0
    log_weights_BE = torch.zeros_like(scores_BE).masked_fill(~selected_BE, -torch.inf)
    return replace(
        routing,
        weights_BE=weights_BE,
        selected_BE=selected_BE,
        log_weights_BE=None if routing.log_weights_BE is None else log_weights_BE,
    )
