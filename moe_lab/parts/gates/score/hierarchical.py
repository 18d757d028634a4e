"""Scores of a tree of softmax gates."""

from math import prod

import torch
from torch import Tensor

from moe_lab.parts import Body, ConfigError, ExpertsOutput, Linear, Noise, Score, Sizes, Widths


class Hierarchical(Score):
    """z_e = log p_e, p_e the product of the conditional probabilities along the path to leaf e: p_ij = p_i p_{j|i} ...

    A node with b branches has its own softmax over b logits, linear in the features of one body that all nodes share.
    Leaves are numbered in the order of the tree, the last level fastest. Rows of p sum to one, so softmax of z (with T
    = 1) is p.
    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm, eq. 3 and 4.

    body:      the network below the nodes, without its last layer.
    branching: branches of a node on each level from the root, such as [2, 3] for six experts; null: the prime factors
               of E, from the smallest (a prime E is one softmax).
    Raises ConfigError if the product of the branching is not E.
    """

    normalized = True

    def __init__(self, sizes: Sizes, *, body: Body, branching: Widths | None = None) -> None:
        super().__init__()
        self._branching = branching or prime_factors(sizes.experts)
        if prod(self._branching) != sizes.experts:
            raise ConfigError(
                f"gate.score.branching={list(self._branching)} has {prod(self._branching)} leaves, and "
                f"experts.count={sizes.experts}: make them equal"
            )
        self.resolved = {"branching": list(self._branching)}
        self.body = body
        self._widths = [prod(self._branching[: level + 1]) for level in range(len(self._branching))]
        self.head = Linear(body.width, sum(self._widths))

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        nodes_BX = self.head(self.body(x_BD).relu())
        log_probs_BE = torch.zeros_like(nodes_BX[..., :1])
        for branches, level_BX in zip(self._branching, nodes_BX.split(self._widths, dim=-1), strict=True):
            conditional = level_BX.unflatten(-1, (-1, branches)).log_softmax(-1)
            log_probs_BE = (log_probs_BE.unsqueeze(-1) + conditional).flatten(-2)
        return log_probs_BE


def prime_factors(number: int) -> tuple[int, ...]:
    """Prime factors from the smallest; (1,) for 1."""
    for factor in range(2, number):
        if number % factor == 0:
            return (factor, *prime_factors(number // factor))
    return (number,)
