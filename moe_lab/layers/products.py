"""Matrix products, by the faster of two kernels.

``torch.matmul`` calls a BLAS, in torch's builds for CPUs mostly MKL, which uses half of what processors can do that it
does not know. oneDNN, which comes with torch as well, compiles a kernel for the processor and the shapes at hand. It
takes half a millisecond once for every new shape, and ten microseconds a call.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from moe_lab.layers.autograd import Kept

#: multiply-adds of a product from which oneDNN pays
LARGE = 2**20
#: a product with fewer rows, columns or summands is bound by memory
NARROW = 8


def matmul(a_XD: Tensor, b_DY: Tensor) -> Tensor:
    """a b over the last two axes, as ``torch.matmul`` of two factors of at least two axes each.

    Large products in float32 on a CPU are oneDNN's; the two kernels differ in the last bits.
    """
    if a_XD.dtype != b_DY.dtype or not pays(a_XD, a_XD.shape[-2], b_DY.shape[-1]):
        return a_XD @ b_DY
    if torch.is_grad_enabled() and (a_XD.requires_grad or b_DY.requires_grad):
        product: Tensor = _Product.apply(a_XD, b_DY)
        return product
    return _products(a_XD, b_DY)


class _Product(torch.autograd.Function):
    """To a comes dy b', to b comes a' dy."""

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
    """oneDNN's product of rows, x w', of plain tensors, as the code calls it that torch's compiler makes; None if
    torch comes without it."""
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


#: a w' of plain tensors a and w; None without oneDNN
ROWS_BY_ROWS = _kernel()


def pays(a_XD: Tensor, rows: int, columns: int) -> bool:
    """Whether oneDNN is there and faster for a product of so many rows and columns; the factor says of what kind, and
    how many summands."""
    if ROWS_BY_ROWS is None or a_XD.dtype != torch.float32 or a_XD.device.type != "cpu":
        return False
    sizes = (rows, a_XD.shape[-1], columns)
    return min(sizes) >= NARROW and math.prod(sizes) >= LARGE


def _products(a_XD: Tensor, b_DY: Tensor) -> Tensor:
    """Of a b and (b' a')' the one whose first factor lies row by row, as the kernel wants it, or is the smaller one to
    be copied."""
    by_row = _by_row(a_XD) or (not _by_row(b_DY.mT) and a_XD.shape[-2] <= b_DY.shape[-1])
    first, second = (a_XD, b_DY.mT) if by_row else (b_DY.mT, a_XD)
    lead = torch.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    found = _each(first, second, lead) if lead else rows_by_rows(first, second)
    return found if by_row else found.mT


def _each(first_XD: Tensor, second_YD: Tensor, lead: Sequence[int]) -> Tensor:
    found_XY = first_XD.new_empty(*lead, first_XD.shape[-2], second_YD.shape[-2])
    factors = zip(_matrices(first_XD, lead), _matrices(second_YD, lead), strict=True)
    for found, (first, second) in zip(_matrices(found_XY, lead), factors, strict=True):
        found.copy_(rows_by_rows(first, second))
    return found_XY


def _by_row(factor_XD: Tensor) -> bool:
    """Whether the rows of each matrix lie one after the other, without gaps."""
    return factor_XD.stride()[-2:] == (factor_XD.shape[-1], 1)


def _matrices(factors: Tensor, lead: Sequence[int]) -> Iterator[Tensor]:
    """One matrix after the other, none copied."""
    if not lead:
        yield factors
        return
    for part in factors.expand(*lead, *factors.shape[-2:]).unbind(0):
        yield from _matrices(part, lead[1:])


def rows_by_rows(a_XD: Tensor, b_YD: Tensor) -> Tensor:
    """a b' of two matrices by oneDNN. The second may lie by row or by column; one with gaps is copied, for oneDNN would
    take its reference implementation, a thousand times slower."""
    b_YD = b_YD if _by_row(b_YD) or _by_row(b_YD.mT) else b_YD.contiguous()
    return ROWS_BY_ROWS(a_XD.contiguous(), b_YD, None, "none", [], "")
