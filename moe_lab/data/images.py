"""Byte images as normalised splits."""

import numpy as np
import torch

from moe_lab.data.dataset import Split


def image_split(
    image_NHW: np.ndarray, y_N: np.ndarray, rows: np.ndarray, *, largest: int, mean: float, sd: float
) -> Split:
    """The given rows as a split, x = (pixel / largest - mean) / sd, in place in float32 to stay small in memory."""
    x_ND = torch.from_numpy(image_NHW.reshape(len(image_NHW), -1)[rows]).to(torch.float32)
    x_ND.div_(largest).sub_(mean).div_(sd)
    return Split(x_ND, torch.from_numpy(y_N[rows].astype(np.int64)), torch.from_numpy(rows.astype(np.int64)))
