"""Numbers in bins of equal size, which replace classes in regression if the targets' components are not known."""

import numpy as np

#: number of bins
BINS = 10


def bin_edges(label_N: np.ndarray) -> np.ndarray:
    """The nine inner deciles."""
    return np.quantile(label_N.astype(np.float64), np.arange(1, BINS) / BINS)


def bins(label_N: np.ndarray) -> np.ndarray:
    """The tenth that each number belongs to, 0 .. 9; equal numbers are in the same one."""
    return np.searchsorted(bin_edges(label_N), label_N.astype(np.float64), side="right")
