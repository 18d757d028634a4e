"""Numbers in bins of equal size, which stand in for classes where no component of a target is known."""

import numpy as np

#: tenths
BINS = 10


def bin_edges(label_N: np.ndarray) -> np.ndarray:
    """The nine inner deciles."""
    return np.quantile(label_N.astype(np.float64), np.arange(1, BINS) / BINS)


def bins(label_N: np.ndarray) -> np.ndarray:
    """Which tenth of the numbers each belongs to, 0 .. 9; equal numbers share one."""
    return np.searchsorted(bin_edges(label_N), label_N.astype(np.float64), side="right")
