"""Cutting images into patches."""

from torch import Tensor


def patches(x_BD: Tensor, shape: tuple[int, ...], patch: int) -> Tensor:
    """The patches of every image in rows from the top left, [..., B, S, I], each flattened by channel.

    shape: (channels, height, width) of an image, which ``patch``, the height and width of a patch, divides.
    """
    windows = x_BD.unflatten(-1, shape).unfold(-2, patch, patch).unfold(-2, patch, patch)
    return windows.movedim(-5, -3).flatten(-3).flatten(-3, -2)
