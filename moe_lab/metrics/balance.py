"""How evenly the experts are used: by the gate's weights (usage) and by the arg-max expert (load)."""

import math

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.formulas import entropy_bits
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_several_experts

#: a routing is collapsed where one expert has more than this share of the test samples
COLLAPSE_SHARE = 0.95


@metric(unit="bits", low="0", high="log2 E", better="none", source="Krishnamurthy et al. 2023, arXiv:2302.14703")
def usage_entropy_bits(arrays: RunArrays) -> float:
    """H(E) of usage: entropy of the mean row of normalized routing weights, over routed samples."""
    require_choice(arrays)
    return entropy_bits(arrays.normalized_weights_ME.mean(0))


@metric(unit="fraction", low="0", high="1", better="none", source="Krishnamurthy et al. 2023, arXiv:2302.14703")
def usage_entropy_share(arrays: RunArrays) -> float:
    """Usage entropy divided by its bound log2 E."""
    require_several_experts(arrays)
    return usage_entropy_bits(arrays) / math.log2(arrays.experts)


@metric(unit="bits", low="0", high="log2 E", better="none", source="Shannon 1948")
def load_entropy_bits(arrays: RunArrays) -> float:
    """H(E) of load: entropy of the shares of routed samples whose arg-max expert each expert is."""
    require_choice(arrays)
    return entropy_bits(arrays.load_E)


@metric(unit="count", low="1", high="E", better="none", source="Hill 1973, diversity of order 1")
def effective_experts(arrays: RunArrays) -> float:
    """2 to the load entropy: how many equally loaded experts would have the same entropy."""
    return 2 ** load_entropy_bits(arrays)


@metric(unit="count", low="0", high="E", better="lower", source="moe-lab")
def dead_experts(arrays: RunArrays) -> int:
    """Number of experts that are the arg-max of no test sample."""
    require_several_experts(arrays)
    return np.count_nonzero(arrays.load_E == 0)


@metric(unit="fraction", low="0", high="E - 1", better="lower", source="Wang et al. 2024, arXiv:2408.15664, MaxVio")
def load_max_violation(arrays: RunArrays) -> float:
    """(largest load - mean load) / mean load, of the counts of the arg-max expert; 0 is perfect balance."""
    require_choice(arrays)
    # mean load = M / E, so the ratio is E max / M - 1; whole numbers give exactly 0 at balance
    return (arrays.load_E.max() * arrays.experts - arrays.routed_count) / arrays.routed_count


@metric(unit="fraction", low="1 / E", high="1", better="lower", source="moe-lab")
def top_expert_share(arrays: RunArrays) -> float:
    """Share of routed test samples that the most loaded expert has."""
    require_choice(arrays)
    return arrays.load_E.max() / arrays.routed_count


@metric(unit="count", low="0", high="1", better="lower", source="moe-lab")
def collapsed(arrays: RunArrays) -> int:
    """1 where the most loaded expert has more than 95 % of the routed test samples, else 0."""
    require_several_experts(arrays)
    return int(top_expert_share(arrays) > COLLAPSE_SHARE)


@metric(unit="fraction", low="0", high="1", better="lower", source="moe-lab")
def unrouted_share(arrays: RunArrays) -> float:
    """Share of test samples that no expert got: all their routing weights are zero."""
    return (arrays.samples - arrays.routed_count) / arrays.samples


@metric(unit="fraction", low="0", high="1", better="lower", source="Lepikhin et al. 2020, arXiv:2006.16668")
def overflow_share(arrays: RunArrays) -> float:
    """Share of the test samples' choices of an expert that were dropped for want of capacity."""
    if arrays.overflow_N is None:
        raise Undefined("the experts of this gate have no capacity")
    return arrays.overflow_N.mean(dtype=np.float64)
