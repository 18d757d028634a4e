"""Convolutions of images over trailing axes, with batch normalization, max pooling and ReLU."""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.layers import pooled
from moe_lab.layers.pooled import output_moments
from moe_lab.layers.precision import product


class Conv2d(nn.Module):
    """2-D convolution x [..., B, I, H, W] -> [..., B, O, H', W'], stride 1, initialized like torch.nn.Conv2d.

    Leading axes of the weights along which the input has size one become additional filters, the others become groups.
    ``pooled_relu`` is the convolution followed by a 2 x 2 maximum and ReLU. It is one fused pass if the input is data
    with one channel and there is no padding.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, padding: int = 0, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs * kernel**2)
        self.padding = padding
        self.weight_OIKK = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel).uniform_(-bound, bound))
        self.bias_O = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x_BIHW: Tensor) -> Tensor:
        weight = self.weight_OIKK
        lead, outputs = weight.shape[:-4], weight.shape[-4]
        groups, x = _fold(x_BIHW, lead)
        convolve = partial(functional.conv2d, padding=self.padding, groups=groups)
        factors = (
            (x, weight.flatten(0, -4)) if self.bias_O is None else (x, weight.flatten(0, -4), self.bias_O.flatten())
        )
        return _unfold(product(convolve, *factors), lead, outputs)

    def pooled_relu(self, x_BIHW: Tensor, norm: "BatchNorm2d | None" = None) -> Tensor:
        """ReLU of the 2 x 2 maximum of the convolution, whose outputs ``norm`` normalizes first; a last odd row or
        column is left out."""
        if self.fits_one_pass(x_BIHW, norm):
            x_GBHW = self._images(x_BIHW)
            return self._ungrouped(pooled.pooled_relu(x_GBHW, *self._filters(x_GBHW, norm)))
        y_BOHW = self(x_BIHW)
        return max_pool(y_BOHW if norm is None else norm(y_BOHW)).relu()

    def fits_one_pass(self, x_BIHW: Tensor, norm: "BatchNorm2d | None") -> bool:
        """Whether the fused pass applies: its pieces fit a CPU's cache, while a GPU has better kernels of its own."""
        one_channel = self.weight_OIKK.shape[-3] == 1 and self.padding == 0 and not x_BIHW.requires_grad
        odd = any((side - self.weight_OIKK.shape[-1] + 1) % 2 for side in x_BIHW.shape[-2:])
        return x_BIHW.device.type == "cpu" and one_channel and not (norm is not None and odd)

    def _images(self, x_B1HW: Tensor) -> Tensor:
        """The input images of every group of filters, [G, B, H, W]."""
        _, x_BGHW = _fold(x_B1HW, self.weight_OIKK.shape[:-4])
        return x_BGHW.transpose(0, 1)

    def _filters(self, x_GBHW: Tensor, norm: "BatchNorm2d | None" = None) -> tuple[Tensor, Tensor]:
        """Weights [G, M, K, K] and bias [G, M], with the scale and shift of the normalization included."""
        weight, groups = self.weight_OIKK, len(x_GBHW)
        weight_GMKK = weight.reshape(groups, -1, *weight.shape[-2:])
        bias_GM = weight.new_zeros(weight_GMKK.shape[:2]) if self.bias_O is None else self.bias_O.reshape(groups, -1)
        if norm is None:
            return weight_GMKK, bias_GM
        scale_GM, shift_GM = norm.scale_and_shift(x_GBHW, weight_GMKK, bias_GM)
        return weight_GMKK * scale_GM[..., None, None], bias_GM * scale_GM + shift_GM

    def _ungrouped(self, y_GMHWB: Tensor) -> Tensor:
        return y_GMHWB.reshape(*self.weight_OIKK.shape[:-3], *y_GMHWB.shape[2:]).movedim(-1, -4)


def pooled_relus(layers: "Sequence[tuple[Conv2d, Tensor]]") -> list[Tensor]:
    """``Conv2d.pooled_relu`` of several layers with kernels of one size, in one pass over the images that they share.
    Each layer comes with the images in the axes that it expects."""
    first, x_B1HW = layers[0]
    x_GBHW = first._images(x_B1HW)
    done = pooled.pooled_relus(x_GBHW, [layer._filters(x_GBHW) for layer, _ in layers])
    return [layer._ungrouped(y_GMHWB) for (layer, _), y_GMHWB in zip(layers, done, strict=True)]


class BatchNorm2d(nn.Module):
    """Batch normalization of [..., B, C, H, W] over B, H and W, with torch's momentum (0.1) and epsilon (1e-5).

    Training uses the batch's statistics and updates the running ones. Evaluation uses the running ones, or the batch's
    if ``batch_statistics_at_test`` is set (then a prediction depends on its batch-mates).
    Source: Ioffe and Szegedy 2015, Batch normalization, arXiv:1502.03167.
    """

    momentum = 0.1
    epsilon = 1e-5

    def __init__(self, channels: int, *, batch_statistics_at_test: bool = False) -> None:
        super().__init__()
        self.batch_statistics_at_test = batch_statistics_at_test
        self.weight_C = nn.Parameter(torch.ones(channels))
        self.bias_C = nn.Parameter(torch.zeros(channels))
        self.mean_C = nn.Buffer(torch.zeros(channels))
        self.var_C = nn.Buffer(torch.ones(channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        lead, channels = self.weight_C.shape[:-1], self.weight_C.shape[-1]
        _, x = _fold(x_BCHW.expand(*lead, *x_BCHW.shape[-4:]), lead)
        # only training updates the running statistics
        moves = self.training or not self._of_batch
        y = functional.batch_norm(
            x,
            self.mean_C.flatten() if moves else None,
            self.var_C.flatten() if moves else None,
            self.weight_C.flatten(),
            self.bias_C.flatten(),
            self._of_batch,
            self.momentum,
            self.epsilon,
        )
        return _unfold(y, lead, channels)

    def scale_and_shift(self, x_GBHW: Tensor, weight_GMKK: Tensor, bias_GM: Tensor) -> tuple[Tensor, Tensor]:
        """Scale a and shift b [G, M] of the normalization a y + b of the convolution's outputs y, without computing
        y."""
        shape = weight_GMKK.shape[:2]
        mean_GM, var_GM = self.mean_C.reshape(shape), self.var_C.reshape(shape)
        if self._of_batch:
            mean_GM, var_GM = output_moments(x_GBHW, weight_GMKK)
            mean_GM = mean_GM + bias_GM
            if self.training:
                sides = (side - weight_GMKK.shape[-1] + 1 for side in x_GBHW.shape[-2:])
                self._move(mean_GM.detach(), var_GM.detach(), x_GBHW.shape[-3] * math.prod(sides))
        scale_GM = self.weight_C.reshape(shape) * (var_GM + self.epsilon).rsqrt()
        return scale_GM, self.bias_C.reshape(shape) - mean_GM * scale_GM

    @property
    def _of_batch(self) -> bool:
        return self.training or self.batch_statistics_at_test

    def _move(self, mean_GM: Tensor, var_GM: Tensor, count: int) -> None:
        """Update the running statistics, with the unbiased estimate of the variance."""
        self.mean_C.lerp_(mean_GM.reshape(self.mean_C.shape), self.momentum)
        self.var_C.lerp_(var_GM.reshape(self.var_C.shape) * (count / (count - 1)), self.momentum)


def max_pool(x_BCHW: Tensor) -> Tensor:
    """The maximum over 2 x 2; a last odd row or column is left out."""
    pooled = functional.max_pool2d(x_BCHW.flatten(0, -4), 2)
    return pooled.unflatten(0, x_BCHW.shape[:-3])


def _fold(x_BCHW: Tensor, lead: Sequence[int]) -> tuple[int, Tensor]:
    """Fold leading axes into channels; returns the number of groups and [B, groups C, H, W]. Trailing leading axes of
    size one in the input are left out, because they only mean more filters."""
    own = (1,) * (len(lead) - x_BCHW.ndim + 4) + tuple(x_BCHW.shape[:-4])
    shared = next((n for n in range(len(lead)) if all(size == 1 for size in own[n:])), len(lead))
    x = x_BCHW.reshape(*own[:shared], *x_BCHW.shape[-4:]).expand(*lead[:shared], *x_BCHW.shape[-4:])
    groups = math.prod(lead[:shared])
    return groups, x.reshape(groups, *x_BCHW.shape[-4:]).transpose(0, 1).flatten(1, 2)


def _unfold(y: Tensor, lead: Sequence[int], channels: int) -> Tensor:
    """Undo ``_fold``: [B, lead C, H, W] -> [*lead, B, C, H, W]."""
    y = y.unflatten(1, (math.prod(lead), channels)).transpose(0, 1)
    return y.reshape(*lead, *y.shape[1:])
