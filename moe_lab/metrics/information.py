"""Entropy of the gate's choice, and the information of the chosen expert about the target.

Over routed samples: H(E|X) of the gate's weights, and plug-in estimates from counts of the arg-max expert. Y is the
class; in regression the known component, or else the tenth. With one expert there is no choice, and values are
undefined. With one class the information is 0 bits, and ratios with H(Y) in the denominator are undefined.
"""

import math

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.metrics.formulas import (
    conditional_entropy_bits,
    conditional_information_bits,
    entropy_bits,
    mutual_information_bits,
)
from moe_lab.metrics.registry import (
    Undefined,
    metric,
    require_choice,
    require_routed,
    require_several_experts,
    require_use,
)
from moe_lab.metrics.routing_arrays import RoutingArrays


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="Krishnamurthy et al. 2023, arXiv:2302.14703")
def sample_entropy_bits(arrays: RoutingArrays) -> float:
    """H(E|X): mean entropy of a sample's normalized routing weights, over routed samples; always 0 at k=1."""
    require_choice(arrays)
    return arrays.weight_entropy_M.mean()


@metric(unit="fraction", low=0, high=1, better="none", source="Krishnamurthy et al. 2023, arXiv:2302.14703")
def sample_entropy_share(arrays: RoutingArrays) -> float:
    """Sample entropy H(E|X) divided by its bound log2 E."""
    require_several_experts(arrays)
    return sample_entropy_bits(arrays) / math.log2(arrays.experts)


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="Shannon 1948")
def router_entropy_bits(arrays: RoutingArrays) -> float:
    """Mean entropy of the gate's full distribution before selection, over the samples that have one."""
    require_several_experts(arrays)
    if len(arrays.router_entropy) == 0:
        raise Undefined("the gate's distribution is zero for every test sample")
    return arrays.router_entropy.mean()


@metric(unit="ratio", low=0, high=bounds.one_over_E, better="none", source="Guo et al. 2025, arXiv:2505.22323")
def routing_variance(arrays: RoutingArrays) -> float:
    """Mean variance over experts, divided by E - 1, of the gate's full distribution before selection.

    0 for even distributions, 1/E if each is sure of one expert. In a layer of a network or a trace over at most 20,000
    rows.
    """
    require_several_experts(arrays)
    if len(arrays.router_variance) == 0:
        raise Undefined("the gate's distribution is zero for every test sample")
    return arrays.router_variance.mean()


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_min_E_C_test,
    better="higher",
    source="Krishnamurthy et al. 2023, arXiv:2302.14703",
)
def mutual_information_expert_label_bits(arrays: RoutingArrays) -> float:
    """I(E;Y) between the arg-max expert and the true class, plug-in estimate over routed samples.

    In regression, Y is the known component of the sample, or else its tenth of the test targets.
    """
    require_choice(arrays)
    return mutual_information_bits(arrays.label_counts_EC)


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_min_E_C,
    better="higher",
    source="Krishnamurthy et al. 2023, arXiv:2302.14703",
    task="classification",
)
def mutual_information_expert_prediction_bits(arrays: ClassArrays) -> float:
    """I(E;Y') between the arg-max expert and the class that this expert itself predicts, over routed samples.

    The paper prints it as I(E;Y). It is also large if each expert predicts only a few classes, correctly or not.
    """
    require_choice(arrays)
    return mutual_information_bits(arrays.prediction_counts_EC)


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_C_test,
    better="none",
    source="chain rule: Cover and Thomas 2006, eq. 2.62",
    task="classification",
)
def expert_answer_information_bits(arrays: ClassArrays) -> float:
    """I(Y;Y'|E): information of the arg-max expert's own prediction Y' about the class, given the expert; plug-in.

    I(Y;E) + I(Y;Y'|E) = I(Y;E,Y'), the information of choice and prediction together. The first term is what the choice
    of expert classifies, the second what the experts classify. It is 0 if each expert predicts a single class.
    """
    require_routed(arrays)
    return conditional_information_bits(*expert_label_prediction(arrays))[0]


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_C_test,
    better="higher",
    source="chain rule: Cover and Thomas 2006, eq. 2.62",
    task="classification",
)
def choice_and_answer_information_bits(arrays: ClassArrays) -> float:
    """I(Y;E,Y') = I(Y;E) + I(Y;Y'|E): information of the arg-max expert and its prediction about the class; plug-in."""
    require_choice(arrays)
    return mutual_information_bits(arrays.label_counts_EC) + expert_answer_information_bits(arrays)


@metric(unit="bits", low=0, high=bounds.log2_min_E_C, better="higher", source="Shannon 1948", task="classification")
def mutual_information_mixture_prediction_bits(arrays: ClassArrays) -> float:
    """I(E;Y') between the arg-max expert and the class that the mixture predicts, over routed samples."""
    require_choice(arrays)
    return mutual_information_bits(arrays.mixture_prediction_counts_EC)


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_min_E_C_test,
    better="higher",
    source="Jacobs et al. 1991, the posterior of eq. 1.3",
    task="regression",
)
def mutual_information_responsible_label_bits(arrays: NumberArrays) -> float:
    """I(E*;Y), with E* the expert most responsible for the sample, arg max w_e N_e(y), and Y as in I(E;Y).

    If one input has several possible targets, the gate cannot know which one is drawn, and I(E;Y) is small even if each
    expert has learned one of them. E* depends on the target, too.
    """
    require_choice(arrays)
    return mutual_information_bits(arrays.responsible_counts_EC)


@metric(unit="fraction", low=0, high=1, better="higher", source="Theil 1970, uncertainty coefficient")
def information_per_usage(arrays: RoutingArrays) -> float:
    """I(E;Y)/H(load): the share of the experts' usage that follows Y, with Y as in I(E;Y).

    H(load) bounds I(E;Y), so balancing alone can raise I(E;Y). The ratio is high only if the use is class-specific.
    """
    require_choice(arrays)
    require_several_classes(arrays)
    return mutual_information_bits(arrays.label_counts_EC) / require_use(arrays)


@metric(unit="fraction", low=0, high=1, better="higher", source="after Vinh, Epps and Bailey 2010, NMI_min")
def mutual_information_share(arrays: RoutingArrays) -> float:
    """I(E;Y) divided by its bound min(log2 E, H(Y)), with H(Y) over routed samples."""
    require_choice(arrays)
    require_several_classes(arrays)
    label_bits = float(entropy_bits(_class_counts(arrays)))
    return mutual_information_bits(arrays.label_counts_EC) / min(math.log2(arrays.experts), label_bits)


@metric(unit="bits", low=0, high=bounds.log2_E, better="lower", source="Shannon 1948")
def expert_given_label_entropy_bits(arrays: RoutingArrays) -> float:
    """H(E|Y) of the arg-max expert: the uncertainty about the expert if the class is known."""
    require_choice(arrays)
    return conditional_entropy_bits(arrays.label_counts_EC.T)


@metric(unit="bits", low=0, high=bounds.log2_C_test, better="lower", source="Shannon 1948")
def label_given_expert_entropy_bits(arrays: RoutingArrays) -> float:
    """H(Y|E) of the arg-max expert: the uncertainty about the class if the expert is known."""
    require_choice(arrays)
    return conditional_entropy_bits(arrays.label_counts_EC)


@metric(
    unit="bits",
    low=0,
    high=bounds.log2_E,
    better="lower",
    source="Shannon 1948",
    null_element="null if no routed test sample is of the class",
)
def expert_entropy_by_class_bits(arrays: RoutingArrays) -> dict[str, float | None]:
    """H(E|Y=y) of the arg-max expert for each class y: 0 if one expert has the whole class."""
    require_choice(arrays)
    counts_CE = arrays.label_counts_EC.T
    bits = [float(entropy_bits(counts_E)) if counts_E.any() else None for counts_E in counts_CE]
    return dict(zip(arrays.class_names, bits, strict=True))


def expert_label_prediction(arrays: ClassArrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arg-max expert, true class, and that expert's own prediction, for the routed samples."""
    return arrays.expert_N[arrays.routed_N], arrays.label_N[arrays.routed_N], arrays.expert_own_prediction_M


def _class_counts(arrays: RoutingArrays) -> np.ndarray:
    return arrays.label_counts_EC.sum(0)


def require_several_classes(arrays: RoutingArrays) -> None:
    """Raise Undefined if the routed test samples are all of one class."""
    if np.count_nonzero(_class_counts(arrays)) < 2:
        raise Undefined("the routed test samples are all of one class")
