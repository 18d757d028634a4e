"""The first samples of each class."""

import numpy as np


def first_rows(y_N: np.ndarray, count_C: list[int]) -> np.ndarray:
    """Ascending rows of the first ``count_C[c]`` samples of each class c, given labels in file order."""
    return np.sort(np.concatenate([np.flatnonzero(y_N == c)[:count] for c, count in enumerate(count_C)]))


def even_counts(total: int, groups: int) -> list[int]:
    """``total`` divided evenly among groups; if it does not divide, the first groups get one more."""
    return [total // groups + (group < total % groups) for group in range(groups)]
