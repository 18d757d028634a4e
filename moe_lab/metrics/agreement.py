"""Agreement of the partition of the test samples into experts with the partition into classes.

Over routed samples, by the arg-max expert. In regression the classes are the known components, or else the tenths of
the targets. Agreement is undefined if the routing is collapsed or all samples are of one class, since two partitions
into one part agree perfectly.
"""

from collections import Counter

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.balance import COLLAPSE_SHARE, top_expert_share
from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits
from moe_lab.metrics.information import require_several_classes
from moe_lab.metrics.registry import Undefined, metric, require_choice
from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.statistics import partitions


@metric(unit="fraction", low=0, high=1, better="higher", source="Manning, Raghavan and Schuetze 2008, sec. 16.3")
def purity(arrays: RoutingArrays) -> float:
    """Share of routed test samples that are of the most frequent class of their arg-max expert."""
    return _table(arrays).max(1).sum() / arrays.routed_count


@metric(unit="ratio", low=0, high=1, better="higher", source="Vinh, Epps and Bailey 2010, NMI_sum")
def normalized_mutual_information(arrays: RoutingArrays) -> float:
    """I(E;Y) divided by the mean of H(E) and H(Y)."""
    counts_EC = _table(arrays)
    return mutual_information_bits(counts_EC) / _mean_entropy_bits(counts_EC)


@metric(unit="ratio", low=None, high=1, better="higher", source="Vinh, Epps and Bailey 2010, AMI_sum")
def adjusted_mutual_information(arrays: RunArrays) -> float:
    """(I(E;Y) - expected by chance) / (mean of H(E) and H(Y) - expected by chance); 0 is chance, 1 is the same."""
    counts_EC = _table(arrays)
    chance_bits = expected_information_bits(counts_EC.sum(1), counts_EC.sum(0))
    room_bits = _mean_entropy_bits(counts_EC) - chance_bits
    if room_bits < 1e-12:
        raise Undefined("chance alone gives the largest agreement: experts or classes have too few samples")
    return (mutual_information_bits(counts_EC) - chance_bits) / room_bits


@metric(unit="ratio", low=-0.5, high=1, better="higher", source="Hubert and Arabie 1985")
def adjusted_rand_index(arrays: RunArrays) -> float:
    """Agreement of experts and classes on pairs of samples, corrected for chance: 0 is chance, 1 the same partition."""
    try:
        return partitions.adjusted_rand_index(_table(arrays))
    except ValueError as trivial:
        raise Undefined(str(trivial)) from None


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="higher",
    source="moe-lab, after Muennighoff et al. 2024, arXiv:2409.02060",
    null_element="null if an expert is the arg-max of no test sample",
)
def expert_class_precision(arrays: RoutingArrays) -> list[float | None]:
    """For each expert, the share of its test samples in its own classes: those of which no other expert has more."""
    counts_EC = _table(arrays)
    own_EC = (counts_EC == counts_EC.max(0)) & (counts_EC > 0)
    own_E = np.where(own_EC, counts_EC, 0).sum(1)
    return [own / load if load else None for own, load in zip(own_E, arrays.load_E, strict=True)]


def expected_information_bits(rows_E: np.ndarray, columns_C: np.ndarray) -> float:
    """The mean plug-in I over all permutations of the samples.

    It is the sum over cells and their hypergeometric counts n of P(n) n / N log2(N n / (a b)), with a and b the cell's
    margins.

    N. X. Vinh, J. Epps and J. Bailey, Information theoretic measures for clusterings comparison, 2010, eq. 24a.
    """
    samples = int(rows_E.sum())
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, samples + 1)))])
    # cells with the same margins have the same expectation
    rows, columns = (Counter(filter(None, amounts.tolist())) for amounts in (rows_E, columns_C))
    return sum(
        times * others * _expected_cell_bits(a, b, samples, log_factorial)
        for a, times in rows.items()
        for b, others in columns.items()
    )


def _expected_cell_bits(a: int, b: int, samples: int, log_factorial: np.ndarray) -> float:
    n = np.arange(max(1, a + b - samples), min(a, b) + 1)
    fixed = (a, b, samples - a, samples - b)
    free = (samples, n, a - n, b - n, samples - a - b + n)
    log_p = sum(log_factorial[one] for one in fixed) - sum(log_factorial[one] for one in free)
    return float((np.exp(log_p) * n / samples * np.log2(samples * n / (a * b))).sum())


def _mean_entropy_bits(counts_EC: np.ndarray) -> float:
    return float(entropy_bits(counts_EC.sum(1)) + entropy_bits(counts_EC.sum(0))) / 2


def _table(arrays: RoutingArrays) -> np.ndarray:
    """Number of samples by expert and class. Raises Undefined if agreement is undefined."""
    require_choice(arrays)
    require_several_classes(arrays)
    share = top_expert_share(arrays)
    if share > COLLAPSE_SHARE:
        raise Undefined(f"collapsed: one expert has {100 * share:.1f} % of the routed test samples")
    return arrays.label_counts_EC
