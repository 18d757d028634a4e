"""Whether a run, or a task of it, has learned anything: its error beside that of guessing."""

import math

#: a run with more than this part of the error of guessing has not learned
LEFT = 0.95


def never_learned(error: float, classes: int) -> bool:
    """Whether an error rate is at least 95 % of 1 - 1/C, which guessing evenly among C classes gives."""
    return classes > 1 and error >= LEFT * (1 - 1 / classes)


def never_learned_numbers(rmse_sd: float) -> bool:
    """Whether the mean squared error is at least 95 % of the targets' variance, which their mean alone gives."""
    return rmse_sd >= math.sqrt(LEFT)
