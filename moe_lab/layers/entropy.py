"""Entropy in nats, with gradients that stay finite if a probability is zero."""

import torch
from torch import Tensor


def entropy_nats(p: Tensor) -> Tensor:
    """The entropy -sum p log p over the last axis, with 0 log 0 = 0.

    A zero gets no gradient: after a softmax that is the limit, because p log p vanishes with p.
    """
    there = p > 0
    return -torch.where(there, p * torch.where(there, p, 1.0).log(), 0.0).sum(-1)
