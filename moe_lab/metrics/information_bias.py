"""The bias of information from a finite test split: Miller-Madow estimates, and the information by chance alone.

The plug-in I(E;Y) is too large by about (E - 1)(C - 1) / (2 N ln 2) bits: with 360 samples, ten experts and ten classes
that is 0.16 bit. All values are from counts of the arg-max expert, over routed samples.
"""

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import ClassArrays, RunArrays
from moe_lab.metrics.formulas import (
    conditional_information_bits,
    miller_madow_bits,
    mutual_information_bits,
    mutual_information_miller_madow_bits,
)
from moe_lab.metrics.information import expert_label_prediction, require_several_classes
from moe_lab.metrics.null import null_bits
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_routed

NULL = "mutual_information_expert_label"


@metric(unit="bits", low=0, high=None, better="none", source="Miller 1955")
def load_entropy_mm_bits(arrays: RunArrays) -> float:
    """H(load) by Miller and Madow; not clipped, so it may exceed log2 E."""
    require_choice(arrays)
    return miller_madow_bits(arrays.load_E)


@metric(unit="bits", low=None, high=None, better="lower", source="Miller 1955")
def expert_given_label_entropy_mm_bits(arrays: RunArrays) -> float:
    """H(E|Y) = H(E,Y) - H(Y) of the arg-max expert, each by Miller and Madow; not clipped."""
    require_choice(arrays)
    return miller_madow_bits(arrays.label_counts_EC) - miller_madow_bits(arrays.label_counts_EC.sum(0))


@metric(unit="bits", low=None, high=None, better="lower", source="Miller 1955")
def label_given_expert_entropy_mm_bits(arrays: RunArrays) -> float:
    """H(Y|E) = H(E,Y) - H(load) of the arg-max expert, each by Miller and Madow; not clipped."""
    require_choice(arrays)
    return miller_madow_bits(arrays.label_counts_EC) - miller_madow_bits(arrays.load_E)


@metric(unit="bits", low=None, high=None, better="higher", source="Miller 1955")
def mutual_information_expert_label_mm_bits(arrays: RunArrays) -> float:
    """I(E;Y) of the arg-max expert by Miller and Madow; not clipped, so it may be negative."""
    require_choice(arrays)
    return mutual_information_miller_madow_bits(arrays.label_counts_EC)


@metric(unit="bits", low=None, high=None, better="higher", source="Miller 1955", task="classification")
def mutual_information_expert_prediction_mm_bits(arrays: ClassArrays) -> float:
    """I(E;Y') of the arg-max expert and its own prediction by Miller and Madow; not clipped."""
    require_choice(arrays)
    return mutual_information_miller_madow_bits(arrays.prediction_counts_EC)


@metric(unit="bits", low=None, high=None, better="higher", source="Miller 1955", task="classification")
def mutual_information_mixture_prediction_mm_bits(arrays: ClassArrays) -> float:
    """I(E;Y') of the arg-max expert and the mixture's prediction by Miller and Madow; not clipped."""
    require_choice(arrays)
    return mutual_information_miller_madow_bits(arrays.mixture_prediction_counts_EC)


@metric(unit="bits", low=None, high=None, better="none", source="Miller 1955", task="classification")
def expert_answer_information_mm_bits(arrays: ClassArrays) -> float:
    """I(Y;Y'|E) of the arg-max expert's own prediction Y' by Miller and Madow; not clipped."""
    require_routed(arrays)
    return conditional_information_bits(*expert_label_prediction(arrays))[1]


@metric(unit="fraction", low=None, high=None, better="higher", source="Miller 1955; Theil 1970")
def information_per_usage_mm(arrays: RunArrays) -> float:
    """I(E;Y)/H(load) of the arg-max expert, both by Miller and Madow; not clipped."""
    require_choice(arrays)
    require_several_classes(arrays)
    usage_bits = miller_madow_bits(arrays.load_E)
    if usage_bits == 0:
        raise Undefined("H(load) is 0: one expert is the arg-max of every routed test sample")
    return mutual_information_miller_madow_bits(arrays.label_counts_EC) / usage_bits


@metric(unit="bits", low=0, high=bounds.log2_min_E_C_test, better="none", source="Fisher 1935, permutation test")
def mutual_information_null_mean_bits(arrays: RunArrays) -> float:
    """Mean I(E;Y) over 199 permutations of the labels: its value by chance alone, with these loads and classes."""
    require_choice(arrays)
    return null_bits(arrays.label_counts_EC, NULL).mean()


@metric(unit="bits", low=0, high=bounds.log2_min_E_C_test, better="none", source="Fisher 1935, permutation test")
def mutual_information_null_95_bits(arrays: RunArrays) -> float:
    """The 95 % point of I(E;Y) over 199 permutations of the labels: the 190th value in rising order."""
    require_choice(arrays)
    null_B = null_bits(arrays.label_counts_EC, NULL)
    return null_B[int(np.ceil(0.95 * len(null_B))) - 1]


@metric(unit="ratio", low=0, high=1, better="lower", source="Phipson and Smyth 2010, (1 + b) / (1 + m)")
def mutual_information_p_value(arrays: RunArrays) -> float:
    """Share of 199 permutations of the labels, and the labels themselves, with I(E;Y) at least as large; at least .005.

    The p-value of the null hypothesis that the choice of expert is independent of the class. Rejecting it means that
    there is some dependence, not that it is large.
    """
    require_choice(arrays)
    null_B = null_bits(arrays.label_counts_EC, NULL)
    as_large = np.count_nonzero(null_B >= mutual_information_bits(arrays.label_counts_EC) - 1e-12)
    return (1 + as_large) / (1 + len(null_B))
