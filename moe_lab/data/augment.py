"""Random changes of image batches, on their device. Legend: B samples, C channels, P pixels of a channel."""

import torch
from torch import Tensor

from moe_lab.layers.noise import Noise


def flip_and_crop(x_BD: Tensor, shape: tuple[int, int, int], noise: Noise, padding: int = 4) -> Tensor:
    """Each image mirrored left to right with probability 1/2, then cut out at its own size, at a uniformly drawn place,
    of itself padded on all sides by reflection (the border pixel is not repeated).

    ``shape`` is (channels, height, width); before B there may be more axes. Nothing is copied to the CPU.
    Source: the usual augmentation of CIFAR, as in He et al. 2015, Deep residual learning, arXiv:1512.03385, 4.2, who
    pad with zeros.
    Raises ValueError if an image is too small to be reflected ``padding`` pixels deep.
    """
    channels, height, width = shape
    if padding >= min(height, width):
        raise ValueError(f"images of {height} x {width} pixels cannot be padded by reflection by {padding}")
    flip_B1, top_B1, left_B1 = noise.uniform(x_BD.new_empty((*x_BD.shape[:-1], 3))).split(1, dim=-1)
    row_BH = _reflected(_offset(top_B1, padding) + torch.arange(height, device=x_BD.device), height)
    column_BW = _reflected(_offset(left_B1, padding) + torch.arange(width, device=x_BD.device), width)
    column_BW = torch.where(flip_B1 < 0.5, width - 1 - column_BW, column_BW)
    pixel_BP = (row_BH.unsqueeze(-1) * width + column_BW.unsqueeze(-2)).flatten(-2)
    x_BCP = x_BD.unflatten(-1, (channels, height * width))
    return x_BCP.gather(-1, pixel_BP.unsqueeze(-2).expand(x_BCP.shape)).flatten(-2)


def _offset(uniform_B1: Tensor, padding: int) -> Tensor:
    """A whole number in -padding..padding."""
    return (uniform_B1 * (2 * padding + 1)).floor().long() - padding


def _reflected(index: Tensor, size: int) -> Tensor:
    """The index in 0..size-1 of what an index beyond the border shows: -1 is 1, size is size - 2."""
    return size - 1 - (size - 1 - index.abs()).abs()
