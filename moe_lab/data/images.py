"""Byte images as normalised splits."""

import numpy as np
import torch

from moe_lab.data.dataset import Split


def image_split(
    image_N: np.ndarray,
    y_N: np.ndarray,
    rows: np.ndarray,
    *,
    largest: int,
    mean: float | tuple[float, ...],
    sd: float | tuple[float, ...],
) -> Split:
    """The given rows as a split, x = (pixel / largest - mean) / sd, in place in float32 to stay small in memory.

    Images are (height, width), or (channels, height, width) if there is a mean and an sd for each channel.
    """
    x_ND = torch.from_numpy(image_N.reshape(len(image_N), -1)[rows]).to(torch.float32)
    means, sds = np.atleast_1d(mean).tolist(), np.atleast_1d(sd).tolist()
    for channel_NP, mean_, sd_ in zip(x_ND.tensor_split(len(means), dim=1), means, sds, strict=True):
        channel_NP.div_(largest).sub_(mean_).div_(sd_)
    return Split(x_ND, torch.from_numpy(y_N[rows].astype(np.int64)), torch.from_numpy(rows.astype(np.int64)))
