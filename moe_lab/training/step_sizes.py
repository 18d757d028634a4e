"""What an optimizer's step does with each coordinate of a gradient, for the proximal maps that follow it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def step_sizes(optimizer: torch.optim.Optimizer, parameter: nn.Parameter) -> Tensor:
    """By what the last step multiplied every coordinate of the gradient, where the gradient stays as it is.

    Adam and AdamW: lr / (sqrt(v / (1 - beta2^t)) + eps), a value a coordinate; SGD: lr / (1 - momentum), what heavy
    ball's steps come to. A proximal map of this size leaves exactly the optimum of the penalized loss in place.
    """
    for group in optimizer.param_groups:
        if any(one is parameter for one in group["params"]):
            return step_sizes_of(group, optimizer.state[parameter], parameter)
    raise ValueError("the optimizer does not hold this parameter")


def step_sizes_of(group: Mapping[str, Any], state: Mapping[str, Any], like: Tensor) -> Tensor:
    """The same from a parameter's group and its state."""
    if "betas" not in group:
        return torch.full((), group["lr"] / (1 - group["momentum"]), dtype=like.dtype, device=like.device)
    corrected = state["exp_avg_sq"] / (1 - group["betas"][1] ** state["step"])
    return group["lr"] / (corrected.sqrt() + group["eps"])
