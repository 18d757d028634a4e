"""A convolution of one channel, its 2 x 2 maximum and ReLU in one pass over the images, for a first layer.

As separate operations they are bound by memory: the values before the maximum are four times as many as the result, and
are written and read several times. Here they are computed in pieces that stay in the cache. For the gradient only the
place of the largest value is stored, three bytes per output.

Axes: G groups of filters, each group with images of its own; M filters of a group; P = 4 values of each maximum; W = (K
+ 1)^2 pixels that these four values depend on, their window; X columns, output positions times samples. Samples are the
innermost axis, so that the pixels of a window are long rows in memory.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_lab.layers.autograd import Kept
from moe_lab.layers.products import matmul

#: size of a piece: large enough to hide the cost of a call, small enough for the second-level cache
PIECE = 2**20
#: number of filters that are computed at once
FILTERS = 32


def pooled_relu(x_GBHW: Tensor, weight_GMKK: Tensor, bias_GM: Tensor) -> Tensor:
    """ReLU of the 2 x 2 maximum of the convolution with K x K weights, stride 1, no padding; [G, M, H', W', B].

    A last odd row or column is left out. Among equal values the first gets the gradient. x gets none.
    """
    (y_GMHWB,) = pooled_relus(x_GBHW, [(weight_GMKK, bias_GM)])
    return y_GMHWB


def pooled_relus(x_GBHW: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
    """``pooled_relu`` of several layers with weights of one size and the same images, which are read only once. With
    few filters reading is most of the work."""
    weight_GMKK, bias_GM = (torch.cat(every, 1) for every in zip(*layers, strict=True))
    kernel = weight_GMKK.shape[-1]
    placed_GMPW = (weight_GMKK.flatten(-2) @ _places(kernel, weight_GMKK)).unflatten(-1, (4, -1))
    x_GHWB = x_GBHW.detach().movedim(-3, -1).contiguous()
    filters = tuple(bias.shape[-1] for _, bias in layers)
    learning = torch.is_grad_enabled()
    return _PooledRelu.apply(x_GHWB, placed_GMPW.transpose(-3, -2), bias_GM, kernel, filters, learning)


@torch.no_grad()
def window_moments(x_GBHW: Tensor, kernel: int) -> tuple[Tensor, Tensor]:
    """Mean [G, W] and mean product [G, W, W], in float64, of the pixels under the windows of ``pooled_relu``."""
    x_GHWB = x_GBHW.movedim(-3, -1).contiguous()
    groups, height, width, samples = x_GHWB.shape
    pooled = (height - kernel + 1) // 2, (width - kernel + 1) // 2
    like_MHWB = x_GHWB.new_empty(()).expand(1, *pooled, samples)
    sum_GW = x_GHWB.new_zeros(groups, (kernel + 1) ** 2, dtype=torch.float64)
    product_GWW = x_GHWB.new_zeros(groups, (kernel + 1) ** 2, (kernel + 1) ** 2, dtype=torch.float64)
    for x_HWB, sum_W, product_WW in zip(x_GHWB, sum_GW, product_GWW, strict=True):
        for _, _, windows_WX in _pieces(x_HWB, like_MHWB, kernel + 1):
            sum_W += windows_WX.sum(-1)
            product_WW += windows_WX @ windows_WX.mT
    count = pooled[0] * pooled[1] * samples
    return sum_GW / count, product_GWW / count


def output_moments(x_GBHW: Tensor, weight_GMKK: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (biased) [G, M] over samples and positions of the convolution with K x K weights, from the
    moments of its inputs' windows: its outputs are not computed.

    With w_p the weights set into the window at place p: mean = 1/4 sum_p w_p . m and
    variance = 1/4 sum_p w_p' S w_p - mean^2. Exact if the outputs' height and width are even.
    """
    kernel = weight_GMKK.shape[-1]
    # around a constant near the mean, because then the difference of squares loses no digits
    center = x_GBHW.mean()
    mean_GW, product_GWW = window_moments(x_GBHW - center, kernel)
    weight_GMK = weight_GMKK.flatten(-2).double()
    placed_GMPW = (weight_GMK @ _places(kernel, weight_GMK)).unflatten(-1, (4, -1))
    mean_GM = torch.einsum("gmpw,gw->gm", placed_GMPW, mean_GW) / 4
    square_GM = torch.einsum("gmpw,gwv,gmpv->gm", placed_GMPW, product_GWW, placed_GMPW) / 4
    shift_GM = center * weight_GMK.sum(-1)
    return (mean_GM + shift_GM).to(weight_GMKK.dtype), (square_GM - mean_GM**2).to(weight_GMKK.dtype)


class _KeptOfWindows(Kept):
    side: int


class _PooledRelu(torch.autograd.Function):
    """The fused pass, for weights already placed in the window at each of the four places.

    A comparison in place gives ones and zeros of the values' own type, many times faster than booleans. Three of them
    per output are stored as bytes: for the upper two values and for the lower two whether the left one is larger, and
    whether an upper value is the largest.
    """

    @staticmethod
    def forward(
        ctx: _KeptOfWindows,
        x_GHWB: Tensor,
        placed_GPMW: Tensor,
        bias_GM: Tensor,
        kernel: int,
        filters_of: tuple[int, ...],
        learning: bool,
    ) -> tuple[Tensor, ...]:
        *_, height, width, samples = x_GHWB.shape
        pooled = (height - kernel + 1) // 2, (width - kernel + 1) // 2
        y_GMHWB = x_GHWB.new_empty(*bias_GM.shape, *pooled, samples)
        kept = []
        for x_HWB, placed_PMW, bias_M1, y_MHWB in zip(x_GHWB, placed_GPMW, bias_GM.unsqueeze(-1), y_GMHWB, strict=True):
            for filters, rows, windows_WX in _pieces(x_HWB, y_MHWB, kernel + 1):
                values_PMX = matmul(placed_PMW[:, filters].flatten(0, 1), windows_WX)
                left_2MX, right_2MX = values_PMX.unflatten(0, (2, 2, -1)).unbind(1)
                upper_MX, lower_MX = torch.maximum(left_2MX, right_2MX).unbind()
                y_MX = y_MHWB[filters, rows].flatten(1)
                torch.maximum(upper_MX, lower_MX, out=y_MX).add_(bias_M1[filters]).relu_()
                if learning:
                    kept.append(_bytes(left_2MX.ge_(right_2MX), upper_MX.ge_(lower_MX)))
        ctx.save_for_backward(x_GHWB, y_GMHWB, *kept)
        ctx.side = kernel + 1
        return y_GMHWB.split(filters_of, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: _KeptOfWindows, *grads_GMHWB: Tensor) -> tuple[Tensor | None, ...]:
        x_GHWB, y_GMHWB, *of_pieces = ctx.saved_tensors
        groups, outputs = y_GMHWB.shape[:2]
        placed_grad_GPMW = y_GMHWB.new_zeros(groups, 4, outputs, ctx.side**2)
        bias_grad_GM = y_GMHWB.new_zeros(groups, outputs)
        kept = iter(of_pieces)
        whole = zip(x_GHWB, y_GMHWB, zip(*grads_GMHWB, strict=True), placed_grad_GPMW, bias_grad_GM, strict=True)
        for x_HWB, y_MHWB, grads_MHWB, placed_grad_PMW, bias_grad_M in whole:
            for filters, rows, windows_WX in _pieces(x_HWB, y_MHWB, ctx.side):
                # y is not negative: its sign is one where ReLU passes the gradient
                active_MX = y_MHWB[filters, rows].flatten(1).sign()
                grad_MX = active_MX.mul_(_some_of(grads_MHWB, filters, rows).flatten(1))
                bias_grad_M[filters] += grad_MX.sum(-1)
                grad_PMX = _of_the_largest(grad_MX, next(kept).to(grad_MX.dtype))
                placed_grad_PMW[:, filters] += matmul(grad_PMX.flatten(0, 1), windows_WX.mT).unflatten(0, (4, -1))
        return None, placed_grad_GPMW, bias_grad_GM, None, None, None


def _some_of(layers_MHWB: Sequence[Tensor], filters: slice, rows: slice) -> Tensor:
    """Some rows of some filters; filters are numbered across the layers."""
    if len(layers_MHWB) == 1:
        return layers_MHWB[0][filters, rows]
    parts, before = [], 0
    for one_MHWB in layers_MHWB:
        parts.append(one_MHWB[max(filters.start - before, 0) : max(filters.stop - before, 0), rows])
        before += len(one_MHWB)
    return torch.cat(parts)


def _bytes(left_2MX: Tensor, upper_MX: Tensor) -> Tensor:
    """Ones and zeros [3, M, X] as bytes."""
    both_3MX = torch.empty(3, *upper_MX.shape, dtype=torch.int8, device=upper_MX.device)
    both_3MX[:2] = left_2MX
    both_3MX[2] = upper_MX
    return both_3MX


def _of_the_largest(grad_MX: Tensor, largest_3MX: Tensor) -> Tensor:
    """The gradient at the place of the largest of four values, zero at the others, [P, M, X]."""
    left_2MX, upper_MX = largest_3MX[:2], largest_3MX[2]
    rows_2MX = grad_MX.new_empty(2, *grad_MX.shape)
    torch.mul(grad_MX, upper_MX, out=rows_2MX[0])
    torch.sub(grad_MX, rows_2MX[0], out=rows_2MX[1])
    grad_22MX = grad_MX.new_empty(2, 2, *grad_MX.shape)
    to_left_2MX, to_right_2MX = grad_22MX.unbind(1)
    torch.mul(rows_2MX, left_2MX, out=to_left_2MX)
    torch.sub(rows_2MX, to_left_2MX, out=to_right_2MX)
    return grad_22MX.flatten(0, 1)


def _pieces(x_HWB: Tensor, y_MHWB: Tensor, side: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Pieces of the work: filters and rows of the output that are computed at once, and the windows of these rows, [W,
    X]."""
    filters, height, width, samples = y_MHWB.shape
    numbers = (8 * min(filters, FILTERS) + side**2) * width * samples
    for rows in _slices(height, max(1, PIECE // numbers)):
        windows_WX = _windows(x_HWB, side, rows, width)
        for some in _slices(filters, FILTERS):
            yield some, rows, windows_WX


def _windows(x_HWB: Tensor, side: int, rows: slice, width: int) -> Tensor:
    """The pixels of the windows of some output rows: row (i, j) of the result has pixel (i, j) of every window."""
    _, x_width, samples = x_HWB.shape
    row = x_width * samples
    shape = (side, side, rows.stop - rows.start, width, samples)
    strides = (row, samples, 2 * row, 2 * samples, 1)
    return x_HWB.as_strided(shape, strides, x_HWB[2 * rows.start].storage_offset()).reshape(side**2, -1)


def _slices(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _places(kernel: int, like: Tensor) -> Tensor:
    """The place of each of the K^2 weights in the window of each of the four values, as ones and zeros, [K^2, P W]."""
    return _places_of(kernel, like.dtype, like.device)


@lru_cache
def _places_of(kernel: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    places = torch.zeros(kernel, kernel, 2, 2, kernel + 1, kernel + 1, dtype=dtype, device=device)
    for i in range(kernel):
        for j in range(kernel):
            for down in (0, 1):
                for right in (0, 1):
                    places[i, j, down, right, i + down, j + right] = 1
    return places.reshape(kernel**2, -1)
