"""The run's routing compared with other decompositions of the same test samples, and with the true one if known.

``untrained``, the gate before training, and ``kmeans_pixels``, clusters of the inputs, do not depend on training.
``learnable``, a nearest-neighbour gate, and ``kmeans_features``, clusters of hidden features, are made from the run's
own trained experts. moe_lab/evaluation/references.py computes them.
"""

from collections.abc import Mapping

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, NumberArrays, RunArrays
from moe_lab.metrics.formulas import conditional_entropy_bits, entropy_bits, mutual_information_bits
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_several_experts
from moe_lab.statistics.partitions import adjusted_rand_index, table_of

PREFIX = "reference_"
WITHOUT_VALIDATION = "there is no validation split to fit a gate to"


def references(arrays: RunArrays) -> Mapping[str, np.ndarray]:
    """Reference -> the expert of every test sample, -1 if none. Raises Undefined if there are no references."""
    require_several_experts(arrays)
    stored = arrays.stored("evaluation")
    found = {name.removeprefix(PREFIX): stored[name] for name in stored if name.startswith(PREFIX)}
    if not found:
        raise Undefined("no reference decompositions were stored: an earlier version of moe-lab trained the run")
    return found


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="none",
    source="Theil 1970, uncertainty coefficient",
    null_element="null if one expert has all samples",
)
def reference_information_per_usage(arrays: RunArrays) -> dict[str, float | None]:
    """I(E;Y)/H(load) of each reference: two that do not depend on training, and two made from the trained experts."""
    return {name: _per_usage(arrays, expert_N) for name, expert_N in references(arrays).items()}


def _per_usage(arrays: RunArrays, expert_N: np.ndarray) -> float | None:
    has = expert_N >= 0
    counts_EC = arrays.counts_EC(expert_N[has], arrays.class_N[has])
    usage_bits = float(entropy_bits(counts_EC.sum(1))) if has.any() else 0.0
    return mutual_information_bits(counts_EC) / usage_bits if usage_bits else None


@metric(
    unit="ratio",
    low=-0.5,
    high=1,
    better="none",
    source="Hubert and Arabie 1985",
    null_element="null if one expert has all samples, or every sample has an expert of its own",
)
def reference_agreement_ari(arrays: RunArrays) -> dict[str, float | None]:
    """Adjusted Rand index of the run's arg-max expert with each reference decomposition; 0 is chance, 1 the same."""
    require_choice(arrays)
    return {name: _ari(arrays, other_N) for name, other_N in references(arrays).items()}


def _ari(arrays: RunArrays, other_N: np.ndarray) -> float | None:
    """Adjusted Rand index over the samples that both route.

    None if one of them has all samples in one part, or both have every sample in its own.
    """
    both = arrays.routed_N & (other_N >= 0)
    here, there = (np.unique(one_N[both], return_inverse=True)[1] for one_N in (arrays.expert_N, other_N))
    parts = [int(part.max(initial=0)) + 1 for part in (here, there)]
    if min(parts) == 1:
        return None
    try:
        return adjusted_rand_index(table_of(here, there, *parts))
    except ValueError:
        return None


@metric(unit="ratio", low=-0.5, high=1, better="higher", source="Hubert and Arabie 1985")
def recovery_ari(arrays: RunArrays) -> float:
    """Adjusted Rand index of the arg-max expert with the known true decomposition."""
    require_choice(arrays)
    found = _ari(arrays, _truth_N(arrays))
    if found is None:
        raise Undefined("one expert has all samples, or every sample has an expert of its own")
    return found


@metric(unit="bits", low=0, high=None, better="lower", source="Chen et al. 2022, arXiv:2208.02813, dispatch entropy")
def dispatch_entropy_bits(arrays: RunArrays) -> float:
    """H(G|E): how mixed the samples of an expert are over the groups G of the known true decomposition.

    By arg-max expert; each expert's entropy is weighted by its load. 0: every expert has samples of one group only. The
    paper reports it in nats, on the training split.
    """
    require_choice(arrays)
    truth_N = _truth_N(arrays)
    has = arrays.routed_N
    return conditional_entropy_bits(table_of(arrays.expert_N[has], truth_N[has], arrays.experts, truth_N.max() + 1))


def _truth_N(arrays: RunArrays) -> np.ndarray:
    """The true group of every test sample, counted from 0. Raises Undefined if it is not known."""
    truth = arrays.stored("evaluation").get("truth")
    if truth is None:
        raise Undefined("the true decomposition of this data set is not known")
    return np.unique(arrays.stored("attributes")[str(truth)], return_inverse=True)[1]


@metric(unit="fraction", low=0, high=1, better="lower", source="Woods et al. 1997", task="classification")
def learnable_error_rate(arrays: ClassArrays) -> float:
    """Error rate of the expert that a nearest-neighbour gate selects; it is fitted to validation samples.

    The experts are unchanged, so this is what a better gate could achieve with them. The oracle knows the label; this
    gate does not.
    """
    expert_N1 = _learnable(arrays)[:, None]
    return (np.take_along_axis(arrays.expert_prediction_NE, expert_N1, 1)[:, 0] != arrays.label_N).mean()


@metric(unit="sd", low=0, high=None, better="lower", source="Woods et al. 1997", task="regression")
def learnable_rmse_sd(arrays: NumberArrays) -> float:
    """Root mean squared error of the expert that a nearest-neighbour gate, fitted to validation samples, selects."""
    error_N = np.take_along_axis(arrays.expert_error_NE, _learnable(arrays)[:, None], 1)
    return float(np.sqrt(np.square(error_N).mean()))


def _learnable(arrays: RunArrays) -> np.ndarray:
    found = references(arrays)
    if "learnable" not in found:
        raise Undefined(WITHOUT_VALIDATION)
    return found["learnable"]
