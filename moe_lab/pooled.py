"""A convolution, its 2 x 2 maximum and ReLU in one pass over the images, for a first layer on a CPU.

Taken one by one they are bound by memory: the values before the maximum are four times what is kept, and are written
and read several times over. Here a few rows of the output are done at a time, so that they stay in the cache, and the
backward pass computes the values again instead of keeping them.

Axes: G groups of filters, each with images of its own; M filters of a group; P = 4 values that a maximum is taken of;
W = (K+1)^2 pixels that these see together, their window; B samples, innermost, so that a window's pixels are rows of
memory and every operation runs over long rows.
"""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

#: columns (output positions times samples) done at once: enough to hide the cost of a call, few enough for the cache
COLUMNS = 8192


def pooled_relu(x_GBHW: Tensor, weight_GMKK: Tensor, bias_GM: Tensor) -> Tensor:
    """relu(max over 2 x 2 of the convolution of one channel, without padding), [G, M, H', W', B].

    A last odd row or column is left out; of equal values the first has the gradient. x has no gradient.
    """
    kernel = weight_GMKK.shape[-1]
    placed_GMPW = (weight_GMKK.flatten(-2) @ _places(kernel, weight_GMKK)).unflatten(-1, (4, (kernel + 1) ** 2))
    placed_GPMW = placed_GMPW.transpose(-3, -2).contiguous()
    return _PooledRelu.apply(x_GBHW.detach().movedim(-3, -1).contiguous(), placed_GPMW, bias_GM)


class _PooledRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x_GHWB: Tensor, placed_GPMW: Tensor, bias_GM: Tensor) -> Tensor:
        side, filters = _side(placed_GPMW), placed_GPMW.shape[-2]
        height, width = ((length - side) // 2 + 1 for length in x_GHWB.shape[-3:-1])
        y_GMHWB = x_GHWB.new_empty(len(x_GHWB), filters, height, width, x_GHWB.shape[-1])
        for group, rows, windows_WX in _windows(x_GHWB, side, height, width):
            values_22MX = (placed_GPMW[group].flatten(0, 1) @ windows_WX).unflatten(0, (2, 2, filters))
            upper_MX, lower_MX = torch.maximum(values_22MX[:, 0], values_22MX[:, 1])
            y_MX = y_GMHWB[group, :, rows].flatten(1)
            torch.maximum(upper_MX, lower_MX, out=y_MX).add_(bias_GM[group].unsqueeze(-1)).relu_()
        ctx.save_for_backward(x_GHWB, placed_GPMW, y_GMHWB)
        return y_GMHWB

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad_GMHWB: Tensor) -> tuple[None, Tensor, Tensor]:
        x_GHWB, placed_GPMW, y_GMHWB = ctx.saved_tensors
        height, width = y_GMHWB.shape[-3:-1]
        filters = placed_GPMW.shape[-2]
        placed_grad_GPMW = torch.zeros_like(placed_GPMW)
        bias_grad_GM = placed_GPMW.new_zeros(placed_GPMW.shape[0], filters)
        for group, rows, windows_WX in _windows(x_GHWB, _side(placed_GPMW), height, width):
            values_22MX = (placed_GPMW[group].flatten(0, 1) @ windows_WX).unflatten(0, (2, 2, filters))
            grad_MX = grad_GMHWB[group, :, rows].flatten(1) * y_GMHWB[group, :, rows].flatten(1).sign()
            bias_grad_GM[group] += grad_MX.sum(-1)
            grad_PMX = _of_the_largest(values_22MX, grad_MX).flatten(0, 2)
            placed_grad_GPMW[group] += (grad_PMX @ windows_WX.mT).unflatten(0, (4, filters))
        return None, placed_grad_GPMW, bias_grad_GM


def _of_the_largest(values_22MX: Tensor, grad_MX: Tensor) -> Tensor:
    """The gradient at the place of the largest of four values, zero at the others; ``values_22MX`` is overwritten.

    Comparisons in place give ones and zeros of the values' own type, many times faster than booleans.
    """
    upper_MX, lower_MX = pair_2MX = torch.maximum(values_22MX[:, 0], values_22MX[:, 1])
    left_2MX, right_2MX = values_22MX[:, 0], values_22MX[:, 1]
    left_2MX.ge_(right_2MX)
    upper_MX.ge_(lower_MX).mul_(grad_MX)
    torch.sub(grad_MX, upper_MX, out=lower_MX)
    left_2MX.mul_(pair_2MX)
    torch.sub(pair_2MX, left_2MX, out=right_2MX)
    return values_22MX


def _windows(x_GHWB: Tensor, side: int, height: int, width: int) -> Iterator[tuple[int, slice, Tensor]]:
    """(group, rows of the output, the pixels under each of their windows [side^2, rows width B])."""
    groups, _, x_width, samples = x_GHWB.shape
    rows_at_once = max(1, COLUMNS // (width * samples))
    for group in range(groups):
        for start in range(0, height, rows_at_once):
            rows = slice(start, min(start + rows_at_once, height))
            shape = (side, side, rows.stop - rows.start, width, samples)
            row, offset = x_width * samples, x_GHWB[group, 2 * start].storage_offset()
            windows = x_GHWB.as_strided(shape, (row, samples, 2 * row, 2 * samples, 1), offset)
            yield group, rows, windows.reshape(side * side, -1)


@lru_cache
def _places_of(kernel: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    places = torch.zeros(kernel, kernel, 2, 2, kernel + 1, kernel + 1, dtype=dtype, device=device)
    for i in range(kernel):
        for j in range(kernel):
            for down in (0, 1):
                for right in (0, 1):
                    places[i, j, down, right, i + down, j + right] = 1
    return places.flatten(0, 1).flatten(1)


def _places(kernel: int, like: Tensor) -> Tensor:
    """Where each of the K^2 weights stands in the window of each of the four values: ones and zeros [K^2, P W]."""
    return _places_of(kernel, like.dtype, like.device)


def _side(placed_GPMW: Tensor) -> int:
    return round(placed_GPMW.shape[-1] ** 0.5)
