"""Formulas of the measures of labels, on tables of counts, labels by experts.

Axes: G labels, E experts; ``...`` many tables at once, such as those of a null's permutations. A slot is one selected
expert of one row; a table counts slots or first choices. The functions take plain count arrays, so they serve traces
and published counts.
"""

import math
from collections.abc import Callable

import numpy as np

from moe_lab.metrics.stored import Undefined

#: a function of tables ``[..., G, E]`` to values ``[...]``
OfTables = Callable[[np.ndarray], np.ndarray]


def n_log2_n(counts: np.ndarray) -> np.ndarray:
    """n log2 n, and 0 for n = 0."""
    counts = np.asarray(counts, dtype=np.float64)
    return counts * np.log2(counts, out=np.zeros_like(counts), where=counts > 0)


def usage_bits(tables_GE: np.ndarray) -> np.ndarray:
    """H(E) = log2 N - sum_e n_e log2 n_e / N of the experts, whatever the label; 0 without slots.

    ``[..., G, E]`` -> ``[...]``, bits.
    """
    total = tables_GE.sum((-1, -2), dtype=np.float64)
    return _ratio(n_log2_n(total) - n_log2_n(tables_GE.sum(-2)).sum(-1), total)


def information_bits(tables_GE: np.ndarray) -> np.ndarray:
    """I(E;label) = (sum n_ge log2 n_ge - sum n_g log2 n_g - sum n_e log2 n_e + N log2 N) / N, plug-in.

    T. M. Cover and J. A. Thomas 2006, Elements of Information Theory, eq. 2.28. 0 without slots, as in a table without
    the only documents that have the label. ``[..., G, E]`` -> ``[...]``, bits.
    """
    total = tables_GE.sum((-1, -2), dtype=np.float64)
    joint, labels, experts = n_log2_n(tables_GE), n_log2_n(tables_GE.sum(-1)), n_log2_n(tables_GE.sum(-2))
    bits = _ratio(joint.sum((-1, -2)) - labels.sum(-1) - experts.sum(-1) + n_log2_n(total), total)
    return np.maximum(bits, 0.0)


def information_per_usage(tables_GE: np.ndarray) -> np.ndarray:
    """I(E;label) / H(E), labels weighted by their slots (H. Theil 1970, uncertainty coefficient). 0 if H(E) is 0."""
    return _ratio(information_bits(tables_GE), usage_bits(tables_GE))


def shares(tables_GE: np.ndarray) -> np.ndarray:
    """p(e|g) = n_ge / n_g, zero for a label without slots: the domain specialization of OLMoE.

    N. Muennighoff et al. 2024, OLMoE, arXiv:2409.02060, section 5. ``[..., G, E]`` -> the same shape.
    """
    labels = tables_GE.sum(-1, keepdims=True, dtype=np.float64)
    return np.divide(tables_GE, labels, out=np.zeros(tables_GE.shape), where=labels > 0)


def equal_labels(tables_GE: np.ndarray) -> np.ndarray:
    """The tables with each label that has slots given weight 1: p(e|g) itself, so that no label outweighs another."""
    return shares(tables_GE)


def divergence_bits(tables_GE: np.ndarray) -> np.ndarray:
    """Generalized Jensen-Shannon divergence of the labels' p(e|g) with equal weights: H(mean_g p_g) - mean_g H(p_g).

    J. Lin 1991, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37, section
    V. It is I(E;label) if all labels have equal weight. ``[..., G, E]`` -> ``[...]``, bits.
    """
    return information_bits(equal_labels(tables_GE))


def divergence_per_usage(tables_GE: np.ndarray) -> np.ndarray:
    """I(E;label) / H(E) if all labels have equal weight, as in OLMoE's plots: divergence_bits / H(mean_g p_g)."""
    equal = equal_labels(tables_GE)
    return _ratio(information_bits(equal), usage_bits(equal))


def effective_rank(tables_GE: np.ndarray) -> np.ndarray:
    """exp(H(sigma / sum sigma)) / min(G, E), sigma the singular values of the matrix p(e|g), H in nats.

    O. Roy and M. Vetterli 2007, The effective rank, EUSIPCO. 1 / min(G, E) if all labels use the experts alike, 1 if
    min(G, E) labels use disjoint experts equally. ``[..., G, E]`` -> ``[...]``.
    """
    sigma = np.linalg.svd(shares(tables_GE), compute_uv=False)
    p = sigma / sigma.sum(-1, keepdims=True)
    nats = -(p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(-1)
    return np.exp(nats) / min(tables_GE.shape[-2:])


def highest_share(tables_GE: np.ndarray) -> np.ndarray:
    """The largest p(e|g) over labels and experts: the domain specialization of the most specialized pair."""
    return shares(tables_GE).max((-1, -2))


def committee(mass_GE: np.ndarray, share: float = 0.5) -> np.ndarray:
    """``[E]`` bool: a smallest set of experts that has ``share`` of the mass of every label.

    Exact, as an integer program: least sum x_e with sum_e p(e|g) x_e >= share for all g with mass, x_e in {0, 1}.
    After Wang et al. 2026, The Illusion of Specialization, arXiv:2601.03425, who require half of the routing weight.

    Raises: Undefined if the solver does not prove within 1,000 nodes that no smaller set is enough.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    p_GE = shares(mass_GE)[mass_GE.sum(-1) > 0]
    experts = p_GE.shape[1]
    # the sum of a label's shares is 1 up to rounding
    reached = LinearConstraint(p_GE, lb=np.full(len(p_GE), share - 1e-12))
    options = {"node_limit": 1_000, "mip_rel_gap": 0.0}
    found = milp(
        np.ones(experts), integrality=np.ones(experts), bounds=Bounds(0, 1), constraints=reached, options=options
    )
    if found.status != 0:
        least = math.ceil(found.mip_dual_bound - 1e-6)
        raise Undefined(f"between {least} and {round(found.fun)} experts: 1,000 nodes of the search did not decide")
    return np.asarray(found.x > 0.5)


def committee_size(mass_GE: np.ndarray) -> np.ndarray:
    """The number of experts of ``committee``. Raises Undefined if it is not proven."""
    return np.asarray(np.count_nonzero(committee(mass_GE)))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
