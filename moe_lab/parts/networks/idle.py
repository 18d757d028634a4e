"""Experts without a network: they output zero, their input, or a mean of a constant and their input."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.layers.stacking import bank
from moe_lab.parts import Computed, GroupedRows, Linear


class Constant(nn.Module):
    """y = a_1 x + a_2 v, (a_1, a_2) = softmax(x W), with v a trained vector that starts with standard normal numbers.

    Source: Jin et al. 2024 (MoE++), arXiv:2410.07348, eq. 5; v starts as in the authors' code.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.share = Linear(features, 2, bias=False)
        self.v_1D = nn.Parameter(torch.empty(1, features).normal_())

    def forward(self, x: Tensor | GroupedRows) -> Tensor | GroupedRows:
        shares = self.share(x)
        if isinstance(x, GroupedRows):
            v_PD = self.v_1D.flatten(0, -2).index_select(0, x.groups.group_P)
            return GroupedRows(_mixed(x.rows_PI, v_PD, shares.rows_PI), x.groups)
        return _mixed(x, self.v_1D, shares)


class Idle(nn.Module):
    """The experts of a layer without a network, after those with one: zero y = 0, copy y = x, constant.

    first: the number of the first of them, which is the number of experts with a network.
    Source: Jin et al. 2024 (MoE++), arXiv:2410.07348, eq. 3 to 5.
    """

    def __init__(self, features: int, computing: int, zero: int, copy: int, constant: int) -> None:
        super().__init__()
        self.first = computing
        self._sizes = (computing, zero, copy, constant)
        self.constants = bank(lambda: Constant(features), constant) if constant else None

    def beside(self, network: Callable[[Any], Computed], inputs: Tensor | GroupedRows) -> Computed:
        """The outputs of all experts, the bank ``network`` first.

        Those without a network have a hidden layer of zeros; for rows grouped by expert there is no hidden layer.
        """
        if isinstance(inputs, GroupedRows):
            (first, *rows), order_P = inputs.parted(self._sizes)
            parts = [network(first)[1], rows[0].map(torch.zeros_like), rows[1], self._constant(rows[2])]
            return None, GroupedRows.joined(parts, order_P, inputs.groups)
        own, zero, copy, constant = self._of_each(inputs)
        hidden, last = network(own)
        values = [
            one.expand(*last.shape[:-3], -1, -1, -1) for one in (torch.zeros_like(zero), copy, self._constant(constant))
        ]
        return functional.pad(hidden, (0, 0, 0, 0, 0, sum(self._sizes[1:]))), torch.cat([last, *values], -3)

    def _of_each(self, inputs: Tensor) -> Sequence[Tensor]:
        """The inputs [..., E or 1, B, D] of the experts of each kind."""
        if inputs.shape[-3] > 1:
            return inputs.split(self._sizes, -3)
        return [inputs, *(inputs.repeat_interleave(size, -3) for size in self._sizes[1:])]

    def _constant(self, inputs: Any) -> Any:
        return inputs if self.constants is None else self.constants(inputs)


def _mixed(x: Tensor, v: Tensor, shares: Tensor) -> Tensor:
    first, second = shares.softmax(-1).split(1, -1)
    return first * x + second * v
