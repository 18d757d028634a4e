"""Choosing among experts: ranks, the k largest, and capacity. All over trailing axes; nothing here has a gradient."""

from fractions import Fraction
from math import ceil

import torch
from torch import Tensor


def one_hot(expert: int, like_BE: Tensor) -> Tensor:
    """bool [E], true for one expert."""
    return torch.arange(like_BE.shape[-1], device=like_BE.device) == expert


def ranks(scores: Tensor, dim: int = -1) -> Tensor:
    """The place of every score along ``dim``, 0 for the largest; of equal scores the first comes first."""
    return scores.argsort(stable=True, dim=dim, descending=True).argsort(dim=dim)


def k_largest(scores_BE: Tensor, k: int) -> Tensor:
    """Whether a score is among the k largest of its row; of equal scores the lower index. With k = E all are."""
    experts = scores_BE.shape[-1]
    if k == experts:
        return torch.ones_like(scores_BE, dtype=torch.bool)
    if experts < 4 * k:
        best_BK = scores_BE.argsort(stable=True, dim=-1, descending=True)[..., :k]
        return torch.zeros_like(scores_BE, dtype=torch.bool).scatter(-1, best_BK, True)
    return _one_by_one(scores_BE, k)


def _one_by_one(scores_BE: Tensor, k: int) -> Tensor:
    """For few of many, where sorting takes up to thirty times as long. Of equal scores arg-max takes the first."""
    # a taken score is below all others; where the experts lie side by side arg-max takes a tenth of the time
    left_BE = scores_BE.detach().clamp(min=torch.finfo(scores_BE.dtype).min).contiguous()
    taken_BE = torch.zeros_like(scores_BE, dtype=torch.bool)
    for _ in range(k):
        best_B1 = left_BE.argmax(-1, keepdim=True)
        taken_BE.scatter_(-1, best_B1, True)
        left_BE.scatter_(-1, best_B1, -torch.inf)
    return taken_BE


def capacity(factor: float, k: int, samples: int, experts: int, least: int) -> int:
    """C = max(least, ceil(factor k N / E)): how many samples of a batch of N an expert has room for.

    The factor counts as the decimal number that it is written as, so that 1.2 * 10 / 3 is 4 and not a little more.
    """
    return max(least, ceil(Fraction(str(factor)) * k * samples / experts))


def places(chosen_BE: Tensor, scores_BE: Tensor, turn_B1: Tensor) -> Tensor:
    """The place of a sample in the queue of an expert that it chose, from 0.

    First come the samples whose first choice (largest score) the expert is, then those whose second choice it is, and
    so on; among them the lower turn. Numbers outside ``chosen_BE`` mean nothing.
    """
    samples = chosen_BE.shape[-2]
    key_BE = ranks(scores_BE) * samples + turn_B1
    last = samples * chosen_BE.shape[-1]
    return key_BE.masked_fill(~chosen_BE, last).argsort(dim=-2, stable=True).argsort(dim=-2)
