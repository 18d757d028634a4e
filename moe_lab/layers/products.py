"""Matrix products, by the faster of two kernels.

``torch.matmul`` calls a BLAS, in torch's builds for CPUs mostly MKL, which reaches only half of the speed of processors
that it does not know. oneDNN, which also comes with torch, compiles a kernel for the processor and the shapes. That
takes half a millisecond for every new shape, and ten microseconds per call.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from moe_lab.layers.autograd import Kept
from moe_lab.layers.shapes import broadcast

#: multiply-adds of a product from which oneDNN is faster
LARGE = 2**20
#: a product with fewer rows, columns or summands is bound by memory
NARROW = 8


def matmul(a_XD: Tensor, b_DY: Tensor) -> Tensor:
    """The product a b over the last two axes, like ``torch.matmul`` of two factors with at least two axes each.

    oneDNN computes large products in float32 on a CPU. The two kernels differ in the last bits.
    """
    if a_XD.dtype != b_DY.dtype or not pays(a_XD, a_XD.shape[-2], b_DY.shape[-1]):
        return a_XD @ b_DY
    if torch.is_grad_enabled() and (a_XD.requires_grad or b_DY.requires_grad):
        product: Tensor = _Product.apply(a_XD, b_DY)
        return product
    return _products(a_XD, b_DY)


class _Product(torch.autograd.Function):
    """The product a b. Backward: da = dy b', db = a' dy."""

    @staticmethod
    def forward(ctx: Kept, a_XD: Tensor, b_DY: Tensor) -> Tensor:
        ctx.save_for_backward(a_XD, b_DY)
        return _products(a_XD, b_DY)

    @staticmethod
    def backward(ctx: Kept, dy_XY: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a_XD, b_DY = ctx.saved_tensors
        to_a, to_b = ctx.needs_input_grad
        return (
            matmul(dy_XY, b_DY.mT).sum_to_size(a_XD.shape) if to_a else None,
            matmul(a_XD.mT, dy_XY).sum_to_size(b_DY.shape) if to_b else None,
        )


def _kernel() -> Any:
    """oneDNN's product of rows, x w', of plain tensors, called as code from torch's compiler calls it; None if torch is
    built without oneDNN."""
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


#: the product a w' of plain tensors a and w; None without oneDNN
ROWS_BY_ROWS = _kernel()


def pays(a_XD: Tensor, rows: int, columns: int) -> bool:
    """Whether oneDNN is available and faster for a product with this many rows and columns; ``a_XD`` gives the type,
    the device and the number of summands."""
    if ROWS_BY_ROWS is None or a_XD.dtype != torch.float32 or a_XD.device.type != "cpu":
        return False
    sizes = (rows, a_XD.shape[-1], columns)
    return min(sizes) >= NARROW and math.prod(sizes) >= LARGE


def _products(a_XD: Tensor, b_DY: Tensor) -> Tensor:
    """The product as a b or as (b' a')': the form whose first factor is stored row by row, as the kernel requires, or
    else is the smaller one to copy."""
    by_row = _by_row(a_XD) or (not _by_row(b_DY.mT) and a_XD.shape[-2] <= b_DY.shape[-1])
    first, second = (a_XD, b_DY.mT) if by_row else (b_DY.mT, a_XD)
    lead = broadcast(first.shape[:-2], second.shape[:-2])
    found = _each(first, second, lead) if lead else rows_by_rows(first, second)
    return found if by_row else found.mT


def _each(first_XD: Tensor, second_YD: Tensor, lead: Sequence[int]) -> Tensor:
    found_XY = first_XD.new_empty(*lead, first_XD.shape[-2], second_YD.shape[-2])
    factors = zip(_matrices(first_XD, lead), _matrices(second_YD, lead), strict=True)
    for found, (first, second) in zip(_matrices(found_XY, lead), factors, strict=True):
        found.copy_(rows_by_rows(first, second))
    return found_XY


def _by_row(factor_XD: Tensor) -> bool:
    """Whether the rows of each matrix are contiguous in memory, without gaps."""
    return factor_XD.stride()[-2:] == (factor_XD.shape[-1], 1)


def _matrices(factors: Tensor, lead: Sequence[int]) -> Iterator[Tensor]:
    """Iterate over the matrices along the leading axes, without copying."""
    if not lead:
        yield factors
        return
    for part in factors.expand(*lead, *factors.shape[-2:]).unbind(0):
        yield from _matrices(part, lead[1:])


def rows_by_rows(a_XD: Tensor, b_YD: Tensor) -> Tensor:
    """a b' of two matrices by oneDNN. The second may be stored by row or by column. One with gaps is copied, because
    oneDNN would use its reference implementation, which is a thousand times slower."""
    b_YD = b_YD if _by_row(b_YD) or _by_row(b_YD.mT) else b_YD.contiguous()
    return ROWS_BY_ROWS(a_XD.contiguous(), b_YD, None, "none", [], "")
