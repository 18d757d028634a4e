"""Selection of experts: ranks, the k largest, and capacity. All over trailing axes and without gradient."""

from fractions import Fraction
from math import ceil

import torch
from torch import Tensor

from moe_lab.layers.linear import log_softmax


def one_hot(expert: int, like_BE: Tensor) -> Tensor:
    """bool [E], true for one expert."""
    return torch.arange(like_BE.shape[-1], device=like_BE.device) == expert


def ranks(scores: Tensor, dim: int = -1) -> Tensor:
    """The rank of every score along ``dim``, 0 for the largest; among equal scores the first has the lower rank."""
    return scores.argsort(stable=True, dim=dim, descending=True).argsort(dim=dim)


def log_odds(logits_BE: Tensor) -> Tensor:
    """log p_e / (1 - p_e) of p = softmax(z). Unlike p and log p, it still increases when p rounds to one.

    It equals z_e minus the log-sum-exp of the other logits; inf if there is only one expert.
    """
    first_BE = torch.zeros_like(logits_BE, dtype=torch.bool).scatter(-1, logits_BE.argmax(-1, keepdim=True), True)
    others_BE = logits_BE.masked_fill(first_BE, -torch.inf)
    # only the largest p can exceed one half; for the others 1 - p loses no digits
    log_p_BE = log_softmax(logits_BE).masked_fill(first_BE, -torch.inf)
    return torch.where(
        first_BE, logits_BE - others_BE.logsumexp(-1, keepdim=True), log_p_BE - (-log_p_BE.exp()).log1p()
    )


def k_largest(scores_BE: Tensor, k: int, of_equal_BE: Tensor | None = None) -> Tensor:
    """Whether a score is among the k largest of its row. Ties are broken by the larger ``of_equal_BE`` if it is given,
    then by the lower index. With k = E all are."""
    experts = scores_BE.shape[-1]
    if k == experts:
        return torch.ones_like(scores_BE, dtype=torch.bool)
    if experts < 4 * k:
        best_BK = _order(scores_BE, of_equal_BE)[..., :k]
        return torch.zeros_like(scores_BE, dtype=torch.bool).scatter(-1, best_BK, True)
    return _one_by_one(scores_BE, k, of_equal_BE)


def _order(scores_BE: Tensor, of_equal_BE: Tensor | None) -> Tensor:
    """The experts of every row in order of falling score."""
    if of_equal_BE is None:
        return scores_BE.argsort(stable=True, dim=-1, descending=True)
    order_BE = of_equal_BE.argsort(stable=True, dim=-1, descending=True)
    return order_BE.gather(-1, scores_BE.gather(-1, order_BE).argsort(stable=True, dim=-1, descending=True))


def _one_by_one(scores_BE: Tensor, k: int, of_equal_BE: Tensor | None) -> Tensor:
    """``k_largest`` by repeated arg-max, for a small k: sorting can take thirty times as long. Arg-max takes the first
    of equal scores."""
    # a taken score is set below all others; arg-max takes a tenth of the time if experts are contiguous in memory
    left_BE = _above_the_least(scores_BE)
    then_BE = None if of_equal_BE is None else _above_the_least(of_equal_BE)
    taken_BE = torch.zeros_like(scores_BE, dtype=torch.bool)
    for _ in range(k):
        if then_BE is None:
            best_B1 = left_BE.argmax(-1, keepdim=True)
        else:
            best_B1 = then_BE.where(left_BE == left_BE.amax(-1, keepdim=True), -torch.inf).argmax(-1, keepdim=True)
        taken_BE.scatter_(-1, best_B1, True)
        left_BE.scatter_(-1, best_B1, -torch.inf)
    return taken_BE


def _above_the_least(scores_BE: Tensor) -> Tensor:
    return scores_BE.detach().clamp(min=torch.finfo(scores_BE.dtype).min).contiguous()


def capacity(factor: float, k: int, samples: int, experts: int, least: int) -> int:
    """C = max(least, ceil(factor k N / E)): the number of samples of a batch of N that an expert accepts.

    The factor is treated as the decimal number as written, so that 1.2 * 10 / 3 is 4 and not slightly more.
    """
    return max(least, ceil(Fraction(str(factor)) * k * samples / experts))


def places(chosen_BE: Tensor, scores_BE: Tensor, turn_B1: Tensor) -> Tensor:
    """The place of a sample in the queue of an expert that it chose, from 0.

    First come the samples whose first choice (largest score) the expert is, then those whose second choice it is, and
    so on; among them the lower turn. Values outside ``chosen_BE`` have no meaning.
    """
    samples = chosen_BE.shape[-2]
    key_BE = ranks(scores_BE) * samples + turn_B1
    last = samples * chosen_BE.shape[-1]
    return key_BE.masked_fill(~chosen_BE, last).argsort(dim=-2, stable=True).argsort(dim=-2)
