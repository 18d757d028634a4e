"""Documents as the unit of tests and intervals: permuting them, and leaving them out.

Rows of one document depend on each other, so with a null that permutes rows nearly everything is significant.
Legend: D documents, P permutations, M groups of documents that are left out together, m members of a family.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moe_lab.statistics.intervals import CONFIDENCE, Bounds

#: most groups of documents that are left out in turn; fewer documents are left out one by one
GROUPS = 200
#: least number of documents in a stratum of nearly equal lengths, within which sequences are swapped
NEIGHBOURS = 20


def orders(documents: int, permutations: int, seed: int) -> Iterator[np.ndarray]:
    """``permutations`` random orders ``[D]`` of the documents, the same ones for the same seed.

    All labels and layers of one trace use the same orders, so that their statistics have a joint null distribution.
    """
    generator = np.random.default_rng([seed, *b"documents"])
    for _ in range(permutations):
        yield generator.permutation(documents)


def swapped(order_D: np.ndarray, stratum_D: np.ndarray) -> np.ndarray:
    """``source_D``: the document whose label each document gets, if documents are permuted within their strata.

    Args:
        order_D: a random order of the documents.
        stratum_D: whole numbers. With one stratum for all, ``source_D`` is ``order_D`` itself.
    """
    source_D = np.empty_like(order_D)
    source_D[np.argsort(stratum_D, kind="stable")] = order_D[np.argsort(stratum_D[order_D], kind="stable")]
    return source_D


def length_strata(length_D: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """``[D]``: strata of at least ``neighbours`` documents of nearly equal length, numbered from the shortest.

    The last stratum has up to 2 ``neighbours`` - 1 documents; fewer documents than ``neighbours`` are one stratum.
    """
    strata = max(1, len(length_D) // neighbours)
    # numbers of one or two bytes are sorted in linear time
    stratum_D = np.empty(len(length_D), dtype=np.min_scalar_type(strata - 1))
    stratum_D[np.argsort(length_D, kind="stable")] = np.minimum(np.arange(len(length_D)) // neighbours, strata - 1)
    return stratum_D


def least_label_p(label_D: np.ndarray) -> float:
    """The smallest p that a permutation of these labels over documents can give.

    D! / prod n_g! arrangements of the labels are distinct. Those that only rename labels of equal n_g give the same
    statistic, if it does not depend on the labels' names: with n_s labels of size s, prod n_s! of them.

    Args:
        label_D: one label per document, none missing.
    """
    sizes_G = np.unique(label_D, return_counts=True)[1]
    renamings = np.unique(sizes_G, return_counts=True)[1]
    log_p = sum(math.lgamma(n + 1) for n in (*sizes_G, *renamings)) - math.lgamma(len(label_D) + 1)
    return min(1.0, math.exp(log_p))


def least_swap_p(stratum_D: np.ndarray) -> float:
    """The smallest p that swapping whole sequences within strata can give: 1 / prod over strata of n_s!."""
    sizes = np.unique(stratum_D, return_counts=True)[1]
    return math.exp(-sum(math.lgamma(n + 1) for n in sizes))


def permutation_p(value: float, null_P: np.ndarray) -> float:
    """One-sided (1 + b) / (1 + P), b permutations with a statistic at least as large as ``value``.

    B. Phipson and G. K. Smyth 2010, Permutation p-values should never be zero, Statistical Applications in Genetics
    and Molecular Biology 9. Statistics that differ by rounding alone are equal.
    """
    slack = 1e-12 * max(abs(value), float(np.abs(null_P).max(initial=0.0)))
    return float((1 + np.count_nonzero(null_P >= value - slack)) / (1 + len(null_P)))


def step_down_max_t(values: Sequence[float], null_mP: Sequence[np.ndarray]) -> list[float]:
    """p of each member of a family, adjusted by the joint null distribution of all members: step-down max T.

    Each member's statistic is standardized by the mean and sd of its own null values and its observed one. From the
    largest observed one down, the adjusted p is the share of permutations in which the largest of this and all smaller
    members is at least as large; it never falls on the way down. It controls the family-wise error rate under
    dependence and can reach 1 / (1 + P) in a family of any size, where Holm's cannot fall below m / (1 + P).
    P. H. Westfall and S. S. Young 1993, Resampling-based multiple testing, algorithm 4.1.

    Args:
        values: observed statistics; large ones speak against the null.
        null_mP: the null values of each member; permutation number i must be the same for all members.
    """
    if not values:
        return []
    all_mP = np.column_stack([np.asarray(values, dtype=np.float64), np.stack(null_mP)])
    spread_m1 = all_mP.std(1, keepdims=True)
    # a statistic that varies only by rounding is not informative
    varies_m1 = spread_m1 > 1e-12 * np.abs(all_mP).max(1, keepdims=True)
    z_mP = np.where(varies_m1, (all_mP - all_mP.mean(1, keepdims=True)) / np.where(varies_m1, spread_m1, 1), 0)
    order_m = np.argsort(-z_mP[:, 0], kind="stable")
    largest_mP = np.maximum.accumulate(z_mP[order_m][::-1])[::-1]
    reached_m = (largest_mP >= z_mP[order_m, :1] - 1e-9).mean(1)
    adjusted_m = np.empty(len(values))
    adjusted_m[order_m] = np.maximum.accumulate(reached_m)
    return adjusted_m.tolist()


@dataclass(frozen=True)
class Jackknifed:
    """The jackknife's estimate, which is free of bias of order 1 / M, its standard error, and the ends of its
    interval."""

    estimate: float
    error: float
    low: float
    high: float


def groups_of(documents: int, groups: int = GROUPS) -> np.ndarray:
    """``[D]``: the group with which each document is left out, assigned in turn, so that neighbours are in different
    groups."""
    return np.arange(documents) % min(documents, groups)


def jackknife(
    value: float, left_out_M: np.ndarray, bounds: Bounds = (None, None), bias: float | None = None
) -> Jackknifed:
    """Interval over documents: M estimate - (M - 1) mean(left out), +- Student's t for M - 1 degrees of freedom.

    J. W. Tukey 1958, Bias and confidence in not-quite large samples, Annals of Mathematical Statistics 29; M. H.
    Quenouille 1956, Notes on bias in estimation, Biometrika 43. A plug-in information is too large by a term of order
    1 / documents, which a bootstrap doubles and this removes. So the estimate may lie beyond the bounds of the
    quantity; ends beyond them are set to them, or to the estimate if that is further out. Its coverage by simulation:
    benchmarks/results/document_intervals.csv.

    Args:
        value: of all documents.
        left_out_M: of all documents except those of each group; at least two groups of nearly equal size.
        bounds: the bounds of the quantity.
        bias: of the value, in place of the jackknife's (M - 1) (mean(left out) - value).
    """
    from scipy import stats

    groups = len(left_out_M)
    estimate = value - ((groups - 1) * (float(left_out_M.mean()) - value) if bias is None else bias)
    error = math.sqrt((groups - 1) ** 2 / groups) * float(left_out_M.std(ddof=1))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, groups - 1)) * error
    low = estimate - reach if bounds[0] is None else min(estimate, max(estimate - reach, bounds[0]))
    high = estimate + reach if bounds[1] is None else max(estimate, min(estimate + reach, bounds[1]))
    return Jackknifed(estimate, error, low, high)
