"""Entropy in nats, with gradients that stay finite where a probability has become zero."""

import torch
from torch import Tensor


def entropy_nats(p: Tensor) -> Tensor:
    """-sum p log p over the last axis, 0 log 0 = 0.

    A zero takes no gradient: behind a softmax that is the limit, for p log p vanishes with p.
    """
    there = p > 0
    return -torch.where(there, p * torch.where(there, p, 1.0).log(), 0.0).sum(-1)
