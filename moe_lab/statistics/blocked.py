"""Do two quantities go together among runs, once their arms and seeds are accounted for?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 9_999


@dataclass(frozen=True)
class PartialCorrelation:
    """A correlation over runs with arms and seeds as blocks. ``p`` is two-sided, by permutation of seeds."""

    r: float
    p: float
    runs: int


def partial_correlation(tables: Sequence[tuple[np.ndarray, np.ndarray]]) -> PartialCorrelation:
    """The correlation of what an additive model of arm and seed leaves of x and of y, pooled over tables.

    The residual of x_as is x_as - mean_s x_as - mean_a x_as + mean x_as, and that of y likewise (R. A. Fisher 1925,
    Statistical methods for research workers, on two-way tables). Each table's residuals are divided by their root mean
    square, so that tables in other units weigh by their degrees of freedom, (A - 1)(S - 1).

    p is the share of joint permutations of the seeds of y, a random one for each table, that give at least as large
    an |r|, (1 + hits) / (1 + draws) with 9,999 seeded draws: what arms have in common by seed stays as it is.

    Args:
        tables: (x_AS, y_AS) of each study, A >= 2 arms by S >= 3 seeds.

    Raises ValueError without a table, of one that is too small, or if x or y is fully determined by arm and seed.
    """
    if not tables:
        raise ValueError("a correlation needs a table of runs")
    pairs = [(_residuals(x_AS), _residuals(y_AS)) for x_AS, y_AS in tables]
    freedom = sum((x_AS.shape[0] - 1) * (x_AS.shape[1] - 1) for x_AS, _ in pairs)
    generator = np.random.default_rng(0)
    observed = sum(float((x_AS * y_AS).sum()) for x_AS, y_AS in pairs)
    drawn_R = np.zeros(DRAWS)
    for x_AS, y_AS in pairs:
        # product of every seed of x with every seed of y, over the arms
        product_SS, seeds = x_AS.T @ y_AS, x_AS.shape[1]
        order_RS = generator.permuted(np.tile(np.arange(seeds), (DRAWS, 1)), axis=1)
        drawn_R += product_SS[np.arange(seeds), order_RS].sum(1)
    # sums that are equal in exact arithmetic may differ in their last bits
    hits = int((np.abs(drawn_R) >= abs(observed) * (1 - 1e-12)).sum())
    return PartialCorrelation(observed / freedom, (1 + hits) / (1 + DRAWS), sum(x_AS.size for x_AS, _ in tables))


def _residuals(value_AS: np.ndarray) -> np.ndarray:
    """What arm and seed leave, scaled so that its squares sum to its degrees of freedom."""
    value_AS = np.asarray(value_AS, dtype=np.float64)
    arms, seeds = value_AS.shape
    if arms < 2 or seeds < 3:
        raise ValueError(f"a table needs two arms and three seeds, and this one has {arms} and {seeds}")
    left_AS: np.ndarray = value_AS - value_AS.mean(1, keepdims=True) - value_AS.mean(0) + value_AS.mean()
    length = math.sqrt(float((left_AS**2).sum()))
    if length <= 1e-12 * float(np.abs(value_AS).max()):
        raise ValueError("arm and seed tell the whole value, so nothing is left to correlate")
    return left_AS * (math.sqrt((arms - 1) * (seeds - 1)) / length)
