"""Attributes of images besides their class: amount of ink and thickness of strokes. Legend: N images of H x W
pixels.
"""

import numpy as np


def image_columns(image_N: np.ndarray, largest: float) -> dict[str, np.ndarray]:
    """Attributes of images (N, H, W) or (N, channels, H, W) whose values go from 0 to ``largest``: ``ink``, and for
    those of one channel ``thickness``, both float32."""
    value_N = np.asarray(image_N, dtype=np.float32) / np.float32(largest)
    columns = {"ink": ink(value_N)}
    if value_N.ndim == 3 or value_N.shape[1] == 1:
        columns["thickness"] = thickness(value_N.reshape(-1, *value_N.shape[-2:]))
    return columns


def ink(value_N: np.ndarray) -> np.ndarray:
    """Mean value of all pixels and channels, between 0 and 1."""
    return value_N.reshape(len(value_N), -1).mean(1)


def thickness(value_NHW: np.ndarray) -> np.ndarray:
    """Mean width of the strokes in pixels: 2 area / perimeter of what is drawn on a background of 0; 0 for no ink.

    The area is the sum of the values, and the perimeter pi / 4 times the sum of the absolute differences of
    neighbouring pixels along both axes (outside the image is background): averaged over all thresholds (the coarea
    formula), these are the area of the set above the threshold and the length of its border along the grid, of which
    pi / 4 is the true length where the border runs in all directions alike. A long bar of width w has area / (perimeter
    / 2) = w. So there is no threshold, and ink twice as dark is as thick.
    Source: moe-lab, a quick stand-in for the thickness of Castro, Tan, Kainz, Konukoglu and Glocker 2019, Morpho-MNIST,
    arXiv:1809.10780; Cauchy 1841, Crofton 1868 for pi / 4.
    """
    area_N = _sums(value_NHW)
    border_N = np.zeros(len(value_NHW))
    for one_N, next_N in (
        (value_NHW[:, 1:], value_NHW[:, :-1]),
        (value_NHW[:, :, 1:], value_NHW[:, :, :-1]),
    ):
        border_N += _sums(np.abs(one_N - next_N))
    for edge_N in (value_NHW[:, 0], value_NHW[:, -1], value_NHW[:, :, 0], value_NHW[:, :, -1]):
        border_N += _sums(edge_N)
    width_N = np.divide(2 * area_N, np.pi / 4 * border_N, out=np.zeros(len(value_NHW)), where=border_N > 0)
    return width_N.astype(np.float32)


def _sums(value_N: np.ndarray) -> np.ndarray:
    """Of each sample's values."""
    return value_N.reshape(len(value_N), -1).sum(1)
