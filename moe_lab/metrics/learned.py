"""Whether a run or a task has learned anything: its error compared with that of guessing."""

import math

#: a run with at least this fraction of the error of guessing has not learned
LEFT = 0.95


def never_learned(error: float, classes: int) -> bool:
    """Whether an error rate is at least 95 % of 1 - 1/C, the error rate of guessing uniformly among C classes."""
    return classes > 1 and error >= LEFT * (1 - 1 / classes)


def never_learned_numbers(rmse_sd: float) -> bool:
    """Whether the mean squared error is at least 95 % of the targets' variance, the error of predicting their mean."""
    return rmse_sd >= math.sqrt(LEFT)
