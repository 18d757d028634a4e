"""How evenly the experts are used: by the gate's weights (usage) and by the arg-max expert (load)."""

import math

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.formulas import coefficient_of_variation, entropy_bits, gini
from moe_lab.metrics.over_time import column_T, columns_TE
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_several_experts
from moe_lab.metrics.routing_arrays import RoutingArrays

#: a routing is collapsed if one expert has more than this share of the test samples
COLLAPSE_SHARE = 0.95


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="Krishnamurthy et al. 2023, arXiv:2302.14703")
def usage_entropy_bits(arrays: RoutingArrays) -> float:
    """Usage entropy H(E): entropy of the mean row of normalized routing weights, over routed samples."""
    require_choice(arrays)
    return float(entropy_bits(arrays.usage_E))


@metric(unit="fraction", low=0, high=1, better="none", source="Krishnamurthy et al. 2023, arXiv:2302.14703")
def usage_entropy_share(arrays: RoutingArrays) -> float:
    """Usage entropy divided by its bound log2 E."""
    require_several_experts(arrays)
    return usage_entropy_bits(arrays) / math.log2(arrays.experts)


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="Shannon 1948")
def load_entropy_bits(arrays: RoutingArrays) -> float:
    """Load entropy H(load): entropy of the experts' shares of the routed samples, by arg-max expert."""
    require_choice(arrays)
    return float(entropy_bits(arrays.load_E))


@metric(unit="fraction", low=0, high=1, better="none", source="Shazeer et al. 2017, arXiv:1701.06538, importance")
def usage_share(arrays: RoutingArrays) -> list[float]:
    """For each expert, its share of the normalized routing weights (importance), over routed samples."""
    require_choice(arrays)
    return arrays.usage_E.tolist()


@metric(unit="fraction", low=0, high=1, better="none", source="Shazeer et al. 2017, arXiv:1701.06538, load")
def load_share(arrays: RoutingArrays) -> list[float]:
    """For each expert, the share of the routed test samples whose arg-max expert it is."""
    require_choice(arrays)
    return (arrays.load_E / arrays.routed_count).tolist()


@metric(unit="ratio", low=0, high=bounds.sqrt_E_minus_1, better="lower", source="Shazeer et al. 2017, arXiv:1701.06538")
def usage_cv(arrays: RoutingArrays) -> float:
    """Standard deviation of the usage shares over their mean; its square is the CV^2 of the loss on importance."""
    require_choice(arrays)
    return coefficient_of_variation(arrays.usage_E)


@metric(unit="ratio", low=0, high=bounds.sqrt_E_minus_1, better="lower", source="Shazeer et al. 2017, arXiv:1701.06538")
def load_cv(arrays: RoutingArrays) -> float:
    """Standard deviation of the load shares over their mean, by arg-max expert."""
    require_choice(arrays)
    return coefficient_of_variation(arrays.load_E)


@metric(unit="ratio", low=0, high=bounds.one_minus_one_over_E, better="lower", source="Gini 1912")
def usage_gini(arrays: RoutingArrays) -> float:
    """Gini coefficient of the usage shares: 0 if all are equal, 1 - 1/E if one expert has everything."""
    require_choice(arrays)
    return gini(arrays.usage_E)


@metric(unit="ratio", low=0, high=bounds.one_minus_one_over_E, better="lower", source="Gini 1912")
def load_gini(arrays: RoutingArrays) -> float:
    """Gini coefficient of the load shares, by arg-max expert."""
    require_choice(arrays)
    return gini(arrays.load_E)


@metric(unit="count", low=1, high=bounds.E, better="none", source="Hill 1973, diversity of order 1")
def effective_experts(arrays: RoutingArrays) -> float:
    """2 to the power of the load entropy: the number of equally loaded experts with the same entropy."""
    return 2 ** load_entropy_bits(arrays)


@metric(unit="count", low=0, high=bounds.E, better="lower", source="moe-lab")
def dead_experts(arrays: RoutingArrays) -> int:
    """Number of experts that are the arg-max of no test sample."""
    require_several_experts(arrays)
    return int(np.count_nonzero(arrays.load_E == 0))


@metric(
    unit="fraction", low=0, high=bounds.E_minus_1, better="lower", source="Wang et al. 2024, arXiv:2408.15664, MaxVio"
)
def load_max_violation(arrays: RoutingArrays) -> float:
    """(largest load - mean load) / mean load, by arg-max expert; 0 is perfect balance."""
    require_choice(arrays)
    # mean load = M / E, so the ratio is E max / M - 1; whole numbers give exactly 0 at balance
    return (arrays.load_E.max() * arrays.experts - arrays.routed_count) / arrays.routed_count


@metric(unit="fraction", low=bounds.one_over_E, high=1, better="lower", source="moe-lab")
def top_expert_share(arrays: RoutingArrays) -> float:
    """Share of routed test samples that the most loaded expert has."""
    require_choice(arrays)
    return arrays.load_E.max() / arrays.routed_count


@metric(unit="count", low=0, high=1, better="lower", source="moe-lab")
def collapsed(arrays: RoutingArrays) -> int:
    """1 if the most loaded expert has more than 95 % of the routed test samples, else 0."""
    require_several_experts(arrays)
    return int(top_expert_share(arrays) > COLLAPSE_SHARE)


@metric(unit="fraction", low=0, high=1, better="lower", source="moe-lab")
def unrouted_share(arrays: RoutingArrays) -> float:
    """Share of test samples that no expert got: all their routing weights are zero."""
    return (arrays.samples - arrays.routed_count) / arrays.samples


@metric(unit="fraction", low=0, high=1, better="lower", source="Lepikhin et al. 2020, arXiv:2006.16668")
def overflow_share(arrays: RunArrays) -> float:
    """Share of the test samples' assignments to experts that were dropped because the expert's capacity was used up."""
    if arrays.overflow_N is None:
        raise Undefined("the experts of this gate have no capacity")
    return arrays.overflow_N.mean(dtype=np.float64)


@metric(
    unit="fraction", low=0, high=bounds.E_minus_1, better="lower", source="Wang et al. 2024, arXiv:2408.15664, MaxVio"
)
def batch_max_violation(arrays: RunArrays) -> float:
    """(largest load - mean load) / mean load within a training batch, mean over the batches of the last epoch."""
    require_several_experts(arrays)
    return column_T(arrays, "batch_max_violation")[-1]


@metric(unit="count", low=0, high=None, better="none", source="moe-lab")
def samples_a_step(arrays: RunArrays) -> list[float]:
    """For each expert, the number of samples of a training batch that select it, mean over the last epoch's batches."""
    return columns_TE(arrays, "samples_a_step")[-1].tolist()


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="none",
    source="Muennighoff et al. 2024, arXiv:2409.02060",
    null_element="null if no test sample selects the first expert",
)
def coactivation(arrays: RoutingArrays) -> dict[str, float | None]:
    """For each pair "e with f", the share of the test samples that select e which also select f."""
    share_EE = coactivation_EE(arrays)
    pairs = [(e, f) for e in range(arrays.experts) for f in range(arrays.experts) if e != f]
    return {f"{e} with {f}": share_EE[e, f] if np.isfinite(share_EE[e, f]) else None for e, f in pairs}


@metric(unit="fraction", low=0, high=1, better="none", source="Muennighoff et al. 2024, arXiv:2409.02060")
def coactivation_highest(arrays: RoutingArrays) -> float:
    """The largest share, over all ordered pairs of experts, of one's selected test samples that the other has too."""
    return np.nanmax(coactivation_EE(arrays))


def coactivation_EE(arrays: RoutingArrays) -> np.ndarray:
    """N_ef / N_e, NaN on the diagonal and if e is never selected."""
    require_several_experts(arrays)
    if (arrays.selected_N == arrays.experts).all():
        raise Undefined("every expert is selected for every test sample")
    if arrays.selected_N.max() < 2:
        raise Undefined("at most one expert is selected for a sample")
    both_EE = arrays.together_EE.astype(np.float64)
    selected_E = both_EE.diagonal().copy()
    np.fill_diagonal(both_EE, np.nan)
    return np.divide(both_EE, selected_E[:, None], out=np.full_like(both_EE, np.nan), where=selected_E[:, None] > 0)
