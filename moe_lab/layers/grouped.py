"""Rows sorted by group, and a linear layer with separate weights for each group.

Legend beside routing.py's: **P** rows (pairs of a sample and an expert that it selected), **G** groups (experts, or
the experts of all runs of a stack).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from moe_lab.layers.autograd import Kept
from moe_lab.layers.precision import rounded
from moe_lab.layers.products import pays, rows_by_rows

#: bytes from which the C library requests a tensor's memory from the system each time, and returns it
LARGE = 32 * 2**20
#: number of rows of a group is rounded up to a multiple of this for oneDNN
STEP = 16


@dataclass(frozen=True)
class Groups:
    """The number of rows in each group, and the group of every row; rows are sorted by group."""

    count_G: Tensor
    group_P: Tensor

    @cached_property
    def ends_G(self) -> Tensor:
        """The index after the last row of each group, as torch's grouped product expects."""
        return self.count_G.cumsum(0, dtype=torch.int32)

    @cached_property
    def counts(self) -> list[int]:
        return self.count_G.tolist()


class GroupedRows:
    """Rows [P, I] sorted by group. A network of ``layers.Linear`` and ``relu`` accepts them like a tensor [G, B, I],
    and computes only these rows."""

    def __init__(self, rows_PI: Tensor, groups: Groups) -> None:
        self.rows_PI = rows_PI
        self.groups = groups

    def relu(self) -> "GroupedRows":
        return self.map(torch.relu)

    def map(self, function: Callable[[Tensor], Tensor]) -> "GroupedRows":
        """Apply ``function`` to the rows; it must act on each row separately."""
        return GroupedRows(function(self.rows_PI), self.groups)

    def parted(self, sizes: Sequence[int]) -> tuple[list["GroupedRows"], Tensor]:
        """Split the rows by group: of every sum(sizes) groups the first sizes[0], the next sizes[1] and so on. Also
        returns the order of the rows after the split, which ``joined`` undoes."""
        each, group_P = sum(sizes), self.groups.group_P
        part_g = torch.arange(len(sizes), device=group_P.device).repeat_interleave(
            torch.tensor(sizes, device=group_P.device), output_size=each
        )
        order_P = part_g[group_P % each].argsort(stable=True)
        counts = [one.flatten() for one in self.groups.count_G.unflatten(0, (-1, each)).split(list(sizes), -1)]
        lengths = [int(one.sum()) for one in counts]
        rows, groups = (one.index_select(0, order_P).split(lengths) for one in (self.rows_PI, group_P))
        firsts = accumulate(sizes, initial=0)
        return [
            GroupedRows(rows_PI, Groups(count_G, number_P // each * size + number_P % each - first))
            for rows_PI, number_P, count_G, size, first in zip(rows, groups, counts, sizes, firsts, strict=False)
        ], order_P

    @staticmethod
    def joined(parts: Sequence["GroupedRows"], order_P: Tensor, groups: Groups) -> "GroupedRows":
        """Join parts, in the order that the rows had before the split."""
        return GroupedRows(torch.cat([one.rows_PI for one in parts]).index_select(0, order_P.argsort()), groups)

    def linear(self, weight_GIO: Tensor, bias_G1O: Tensor | None) -> "GroupedRows":
        """y_p = x_p W_g + b_g, g the group of row p; all axes before I and O are groups."""
        weight_GIO = weight_GIO.flatten(0, -3)
        bias_GO = None if bias_G1O is None else bias_G1O.flatten(0, -2)
        return GroupedRows(_GroupedLinear.apply(self.rows_PI, weight_GIO, bias_GO, self.groups), self.groups)


class _KeptOfGroups(Kept):
    groups: Groups
    has_bias: bool


class _GroupedLinear(torch.autograd.Function):
    """y_p = x_p W_g + b_g. Backward: dx_p = dy_p W_g^T, dW_g = sum_p x_p^T dy_p, db_g = sum_p dy_p.

    A group without rows has the gradient zero. There is no second derivative.
    """

    @staticmethod
    def forward(ctx: _KeptOfGroups, x_PI: Tensor, weight_GIO: Tensor, bias_GO: Tensor | None, groups: Groups) -> Tensor:
        kind = x_PI.dtype
        x_PI, weight_GIO = rounded(x_PI, weight_GIO)
        ctx.save_for_backward(x_PI, weight_GIO)
        ctx.groups, ctx.has_bias = groups, bias_GO is not None
        y_PO = _product(x_PI, weight_GIO, groups).to(kind)
        return y_PO if bias_GO is None else y_PO.add_(bias_GO.index_select(0, groups.group_P))

    @staticmethod
    @once_differentiable
    def backward(ctx: _KeptOfGroups, dy_PO: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x_PI, weight_GIO = ctx.saved_tensors
        groups, dbias_GO, kind = ctx.groups, None, dy_PO.dtype
        if ctx.has_bias:
            zeros_GO = dy_PO.new_zeros(weight_GIO.shape[0], weight_GIO.shape[-1])
            dbias_GO = zeros_GO.index_add_(0, groups.group_P, dy_PO)
        dy_PO = _aligned(dy_PO.to(x_PI.dtype))
        dx_PI = _product(dy_PO, weight_GIO.mT, groups).to(kind) if ctx.needs_input_grad[0] else None
        dweight_GIO = _outer(dy_PO, x_PI, groups).mT  # in the memory layout of the weights (layers.Linear)
        return dx_PI, dweight_GIO.to(kind), dbias_GO, None


def _product(x_PI: Tensor, weight_GIO: Tensor, groups: Groups) -> Tensor:
    """The products x_p W_g, [P, O]."""
    if _pays(x_PI, weight_GIO.shape[-1], groups, times=2):
        return _by_group(x_PI, weight_GIO, groups)
    if _fit(x_PI, weight_GIO):
        return functional.grouped_mm(x_PI, weight_GIO, offs=groups.ends_G)
    y_PO = x_PI.new_empty(x_PI.shape[0], weight_GIO.shape[-1])
    # unbound once: indexing a stacked tensor group by group would cost a whole tensor per group
    parts = zip(x_PI.split(groups.counts), weight_GIO.unbind(0), y_PO.split(groups.counts), strict=True)
    for x, weight, y in parts:
        torch.mm(x, weight, out=y)
    return y_PO


def _outer(a_PI: Tensor, b_PO: Tensor, groups: Groups) -> Tensor:
    """The sum of a_p^T b_p over the rows of each group, [G, I, O]."""
    shape = (len(groups.count_G), a_PI.shape[-1], b_PO.shape[-1])
    large = a_PI.element_size() * prod(shape) >= LARGE
    whole = _pays(a_PI, b_PO.shape[-1], groups, times=4)
    if not large and not whole and _fit(a_PI, b_PO):
        return functional.grouped_mm(a_PI.mT, b_PO, offs=groups.ends_G)
    sums_GIO = _large_pages(a_PI, shape) if large else a_PI.new_empty(shape)
    parts = zip(a_PI.split(groups.counts), b_PO.split(groups.counts), sums_GIO.unbind(0), strict=True)
    for a, b, sums in parts:
        if whole and len(a) > 0:
            sums.copy_(rows_by_rows(_filled_up(a).mT, _filled_up(b).mT))
        else:
            torch.mm(a.mT, b, out=sums)
    return sums_GIO


def _pays(x_PI: Tensor, outputs: int, groups: Groups, times: int) -> bool:
    """Whether groups of average size are large enough for oneDNN (moe_lab/layers/products.py). They must be ``times``
    times as large as other products, because rows are rounded up and some are copied."""
    each = len(x_PI) // max(1, len(groups.count_G))
    return each >= 2 * STEP and pays(x_PI, each // times, outputs)


def _by_group(x_PI: Tensor, weight_GIO: Tensor, groups: Groups) -> Tensor:
    """The products group by group with oneDNN. A group's row count is rounded up: rows after it are computed too and
    dropped."""
    y_PO = x_PI.new_empty(x_PI.shape[0], weight_GIO.shape[-1])
    start = 0
    for weight_OI, count in zip(weight_GIO.mT.unbind(0), groups.counts, strict=True):
        if count > 0:
            first = max(0, min(start, len(x_PI) - _size(count)))
            y = rows_by_rows(x_PI[first : first + _size(count)], weight_OI)
            y_PO[start : start + count] = y[start - first : start - first + count]
        start += count
    return y_PO


def _filled_up(rows_PI: Tensor) -> Tensor:
    """The rows, padded with rows of zeros, which add nothing to a sum."""
    filled_PI = rows_PI.new_empty(_size(len(rows_PI)), rows_PI.shape[-1])
    filled_PI[: len(rows_PI)] = rows_PI
    filled_PI[len(rows_PI) :] = 0.0
    return filled_PI


def _size(rows: int) -> int:
    """The row count rounded up, by at most a quarter beyond the smallest sizes, because oneDNN compiles a kernel for
    every size."""
    step = max(STEP, 2 ** (rows.bit_length() - 3))
    return -(-rows // step) * step


def _fit(a: Tensor, b: Tensor) -> bool:
    """Whether torch's grouped product accepts the factors: not float64, at least one row, strides of multiples of 16
    bytes."""
    kinds = (torch.float32, torch.bfloat16)
    return hasattr(functional, "grouped_mm") and a.dtype in kinds and _apart(a) and _apart(b)


def _apart(factor: Tensor) -> bool:
    return factor.numel() > 0 and max(factor.stride()[-2:]) * factor.element_size() % 16 == 0


def _aligned(rows_PO: Tensor) -> Tensor:
    """The rows with a stride of a multiple of 16 bytes, copied if needed, such as those of ten classes or of an
    expanded gradient."""
    count, outputs = rows_PO.shape
    step = -(-outputs * rows_PO.element_size() // 16) * 16 // rows_PO.element_size()
    if rows_PO.stride() == (step, 1):
        return rows_PO
    return rows_PO.new_empty(count, step)[:, :outputs].copy_(rows_PO)


def _large_pages(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Allocate a large tensor with NumPy, which requests large pages from the system; torch does not. At
    E = 256 and H = 256 three quarters of a step's time went into allocating pages of 4 KB one by one."""
    if like.device.type != "cpu" or like.dtype not in (torch.float32, torch.float64):
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, dtype=str(like.dtype).removeprefix("torch.")))
