"""Information from the gate's soft weights: each expert counts a sample with its normalized weight.

The joint table is the mean weight of each expert over the samples of each class. Weights are not counts, so bias is not
corrected. H(E) of the same weights is ``usage_entropy_bits``.
"""

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import ClassArrays
from moe_lab.metrics.formulas import conditional_entropy_bits, entropy_bits, mutual_information_bits, weighted_table
from moe_lab.metrics.information import require_several_classes
from moe_lab.metrics.registry import Undefined, metric, require_choice
from moe_lab.metrics.routing_arrays import RoutingArrays


@metric(unit="bits", low=0, high=bounds.log2_min_E_C_test, better="higher", source="Shannon 1948")
def mutual_information_expert_label_soft_bits(arrays: RoutingArrays) -> float:
    """I(E;Y) of the normalized weights: the joint is the mean weight of each expert over the samples of each class."""
    require_choice(arrays)
    return mutual_information_bits(arrays.label_weights_EC)


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_min_E_C,
    better="higher",
    source="after Krishnamurthy et al. 2023, arXiv:2302.14703",
    task="classification",
)
def mutual_information_expert_prediction_soft_bits(arrays: ClassArrays) -> float:
    """I(E;Y') of the normalized weights, with Y' each expert's own prediction for the sample."""
    require_choice(arrays)
    own_ME = arrays.expert_prediction_NE[arrays.routed_N]
    return mutual_information_bits(weighted_table(arrays.normalized_weights_ME, own_ME, arrays.classes))


@metric(unit="bits", low=0, high=bounds.log2_min_E_C, better="higher", source="Shannon 1948", task="classification")
def mutual_information_mixture_prediction_soft_bits(arrays: ClassArrays) -> float:
    """I(E;Y') of the normalized weights, with Y' the mixture's prediction for the sample."""
    require_choice(arrays)
    predicted_M = arrays.prediction_N[arrays.routed_N]
    return mutual_information_bits(weighted_table(arrays.normalized_weights_ME, predicted_M, arrays.classes))


@metric(unit="fraction", low=0, high=1, better="higher", source="Theil 1970, uncertainty coefficient")
def information_per_usage_soft(arrays: RoutingArrays) -> float:
    """I(E;Y)/H(E), both of the normalized weights."""
    require_choice(arrays)
    require_several_classes(arrays)
    usage_bits = float(entropy_bits(arrays.label_weights_EC.sum(1)))
    if usage_bits == 0:
        raise Undefined("H(E) is 0: one expert has all the weight")
    return mutual_information_bits(arrays.label_weights_EC) / usage_bits


@metric(unit="bits", low=0, high=bounds.log2_E, better="lower", source="Shannon 1948")
def expert_given_label_entropy_soft_bits(arrays: RoutingArrays) -> float:
    """H(E|Y) of the normalized weights: the uncertainty about the expert if the class is known."""
    require_choice(arrays)
    return conditional_entropy_bits(arrays.label_weights_EC.T)


@metric(unit="bits", low=0, high=bounds.log2_C_test, better="lower", source="Shannon 1948")
def label_given_expert_entropy_soft_bits(arrays: RoutingArrays) -> float:
    """H(Y|E) of the normalized weights: the uncertainty about the class if the expert is known."""
    require_choice(arrays)
    return conditional_entropy_bits(arrays.label_weights_EC)
