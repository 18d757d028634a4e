"""Rows sorted by group, and the linear layer that multiplies the rows of each group by weights of its own.

Legend beside routing.py's: **P** rows (pairs of a sample and an expert that it selected), **G** groups (experts, or
the experts of all runs of a stack).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

#: columns to which narrower weights are padded: products of fewer columns take up to four times as long on a CPU, and
#: torch's grouped product wants rows of multiples of 16 bytes in both directions
NARROW = 16
#: bytes from which the C library takes a tensor's memory from the system each time, and gives it back
LARGE = 32 * 2**20


@dataclass(frozen=True)
class Groups:
    """How many rows each group has, and the group of every row; rows are sorted by group."""

    counts: list[int]
    group_P: Tensor

    @cached_property
    def ends_G(self) -> Tensor:
        """The row after the last of each group."""
        ends = np.cumsum(self.counts, dtype=np.int32)
        return torch.from_numpy(ends).to(self.group_P.device)


class GroupedRows:
    """Rows [P, I] sorted by group: for a network of ``layers.Linear`` and ``relu`` what a tensor [G, B, I] is, without
    the rows that nobody asked for."""

    def __init__(self, rows_PI: Tensor, groups: Groups) -> None:
        self.rows_PI = rows_PI
        self.groups = groups

    def relu(self) -> "GroupedRows":
        return GroupedRows(self.rows_PI.relu(), self.groups)

    def linear(self, weight_GIO: Tensor, bias_G1O: Tensor | None) -> "GroupedRows":
        """y_p = x_p W_g + b_g, g the group of row p; whatever axes stand before I and O are groups."""
        bias_GO = None if bias_G1O is None else bias_G1O.flatten(0, -2)
        rows_PO = _GroupedLinear.apply(self.rows_PI, weight_GIO.flatten(0, -3), bias_GO, self.groups)
        return GroupedRows(rows_PO, self.groups)


class _GroupedLinear(torch.autograd.Function):
    """y_p = x_p W_g + b_g. Backward: dx_p = dy_p W_g^T, dW_g = sum_p x_p^T dy_p, db_g = sum_p dy_p.

    A group without rows has the gradient zero. There is no second derivative.
    """

    @staticmethod
    def forward(ctx, x_PI: Tensor, weight_GIO: Tensor, bias_GO: Tensor | None, groups: Groups) -> Tensor:
        y_PO = _product(x_PI, _widened(weight_GIO), groups)[:, : weight_GIO.shape[-1]]
        if bias_GO is not None:
            y_PO = y_PO.add_(bias_GO.index_select(0, groups.group_P))
        ctx.save_for_backward(x_PI, weight_GIO)
        ctx.groups, ctx.has_bias = groups, bias_GO is not None
        return y_PO

    @staticmethod
    @once_differentiable
    def backward(ctx, dy_PO: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        x_PI, weight_GIO = ctx.saved_tensors
        groups, outputs = ctx.groups, weight_GIO.shape[-1]
        dbias_GO = None
        if ctx.has_bias:
            zeros_GO = dy_PO.new_zeros(len(groups.counts), outputs)
            dbias_GO = zeros_GO.index_add_(0, groups.group_P, dy_PO)
        # an expanded gradient, as that of a sum, has no strides to multiply with
        dy_PO = _widened(dy_PO).contiguous()
        dx_PI = _product(dy_PO, _widened(weight_GIO).mT, groups) if ctx.needs_input_grad[0] else None
        dweight_GIO = _outer(x_PI, dy_PO, groups)[..., :outputs] if ctx.needs_input_grad[1] else None
        return dx_PI, dweight_GIO, dbias_GO, None


def _widened(narrow: Tensor) -> Tensor:
    """With columns of zeros, so that there are at least NARROW; kept by nobody, for a copy of weights is large."""
    columns = NARROW - narrow.shape[-1]
    return functional.pad(narrow, (0, columns)) if columns > 0 else narrow


def _product(x_PI: Tensor, weight_GIO: Tensor, groups: Groups) -> Tensor:
    """x_p W_g."""
    if _fits(x_PI, *weight_GIO.shape[-2:]):
        return functional.grouped_mm(x_PI, weight_GIO, offs=groups.ends_G)
    y_PO = x_PI.new_empty(x_PI.shape[0], weight_GIO.shape[-1])
    # unbound once: a stacked tensor that is indexed group by group costs a whole tensor a group
    parts = zip(x_PI.split(groups.counts), weight_GIO.unbind(0), y_PO.split(groups.counts), strict=True)
    for x, weight, y in parts:
        torch.mm(x, weight, out=y)
    return y_PO


def _outer(x_PI: Tensor, dy_PO: Tensor, groups: Groups) -> Tensor:
    """sum over the rows of each group of x_p^T dy_p, [G, I, O]."""
    shape = (len(groups.counts), x_PI.shape[-1], dy_PO.shape[-1])
    large = x_PI.element_size() * shape[0] * shape[1] * shape[2] >= LARGE
    if not large and _fits(x_PI, *shape[1:]):
        return functional.grouped_mm(x_PI.mT, dy_PO, offs=groups.ends_G)
    sums_GIO = _large_pages(x_PI, shape) if large else x_PI.new_empty(shape)
    parts = zip(x_PI.split(groups.counts), dy_PO.split(groups.counts), sums_GIO.unbind(0), strict=True)
    for x, dy, sums in parts:
        torch.mm(x.mT, dy, out=sums)
    return sums_GIO


def _fits(x_PI: Tensor, inputs: int, outputs: int) -> bool:
    """Whether torch's grouped product takes them: not float64, rows of multiples of 16 bytes, at least one row."""
    aligned = 16 // x_PI.element_size()
    return (
        hasattr(functional, "grouped_mm")
        and x_PI.dtype in (torch.float32, torch.bfloat16)
        and len(x_PI) > 0
        and inputs % aligned == outputs % aligned == 0
    )


def _large_pages(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Memory for a large tensor. NumPy asks the system for large pages, torch does not: at E = 256 and H = 256 three
    quarters of a step went into being given pages of 4 KB one by one."""
    if like.device.type != "cpu" or like.dtype not in (torch.float32, torch.float64):
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, dtype=str(like.dtype).removeprefix("torch.")))
