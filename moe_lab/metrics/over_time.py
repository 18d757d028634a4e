"""The columns of a run's history as arrays. T epochs, E experts."""

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.stored import Undefined


def column_T(arrays: RunArrays, name: str) -> np.ndarray:
    """A column over all epochs. Raises Undefined if the history lacks it, or has an empty cell in it."""
    values = [row.get(name) for row in arrays.history]
    if not values or None in values:
        raise Undefined(f"the history has no {name}")
    return np.array(values, dtype=np.float64)


def columns_TE(arrays: RunArrays, name: str) -> np.ndarray:
    """The columns name_0 .. name_E-1. Raises Undefined as ``column_T`` does."""
    return np.stack([column_T(arrays, f"{name}_{e}") for e in range(arrays.experts)], 1)


def require_several_epochs(epochs: int) -> None:
    """Raise Undefined if there is only one epoch."""
    if epochs < 2:
        raise Undefined("only one epoch was trained")


def by_epoch(values_T: np.ndarray, first: int = 1) -> dict[str, float]:
    """Values of consecutive epochs, by the epoch's number."""
    return {str(first + place): value for place, value in enumerate(values_T.tolist())}


def settled_epoch(settled_T: np.ndarray) -> int:
    """The first epoch, counted from 1, from which on all epochs are settled; the last one always is."""
    unsettled = np.flatnonzero(~settled_T[:-1])
    return int(unsettled[-1]) + 2 if len(unsettled) else 1
