"""Similarity of a layer's experts in the router's weights and in their outputs, and their response to these weights.

From geometry.npz (docs/networks.md).

Axes: E experts, D features.
"""

import numpy as np

from moe_lab.metrics.network_arrays import LayerArrays
from moe_lab.metrics.registry import Undefined, metric
from moe_lab.metrics.traces.geometry import gram_distance, mean_cosine

NO_HEAD = "the gate has no linear layer with a row of weights for each expert"


@metric(unit="ratio", low=-1, high=1, better="none", source="Ahrac, Hochwald and Geva 2026, arXiv:2605.12476")
def router_cosine(arrays: LayerArrays) -> float:
    """Mean cosine between the weights of two experts in the router, over all pairs."""
    return mean_cosine(_router(arrays))


@metric(unit="ratio", low=0, high=None, better="none", source="Omi, Sen and Farhadi 2025, arXiv:2506.14038")
def router_gram_distance(arrays: LayerArrays) -> float:
    """||W W^T - 1||_1 of the router, the sum of absolute values, with one row of W per expert."""
    return gram_distance(_router(arrays))


@metric(unit="ratio", low=0, high=None, better="lower", source="Lv et al. 2025, arXiv:2512.23447, appendix A.1")
def erc_alpha(arrays: LayerArrays) -> float:
    """max_{i != j} max(M_ij, M_ji) / M_ii: the least alpha from which on the loss erc is 0 without random proxies.

    M_ij is the length of the hidden layer of expert j, before its activation, for the router's weights of expert i.
    Below 1 each expert responds most to its own weights in the router, and these have the largest response in it.
    """
    arrays.require_several_experts()
    response_EE = _of_layer(arrays, "router_response")
    there_E = np.isfinite(np.diagonal(response_EE))
    if not there_E.any():
        raise Undefined("the gate is not linear in its input, or the experts have no hidden layer")
    response_EE = response_EE[there_E][:, there_E].astype(np.float64)
    if len(response_EE) < 2:
        raise Undefined("only one expert has a network")
    own_E = np.diagonal(response_EE)
    if not own_E.all():
        raise Undefined("an expert does not respond to its own weights in the router")
    others_EE = np.maximum(response_EE, response_EE.T)
    np.fill_diagonal(others_EE, 0)
    return float((others_EE.max(1) / own_E).max())


@metric(unit="ratio", low=-1, high=1, better="none", source="moe-lab")
def expert_output_cosine(arrays: LayerArrays) -> float:
    """Cosine of two experts' outputs for the same row, mean over rows and pairs.

    Of up to 2,048 rows of evenly spaced test samples, whether they selected the two experts or not. Pairs with an
    expert that outputs only zeros are left out.
    """
    arrays.require_several_experts()
    cosine_EE = _of_layer(arrays, "output_cosine")
    pairs = cosine_EE[np.triu_indices(len(cosine_EE), 1)].astype(np.float64)
    if not np.isfinite(pairs).any():
        raise Undefined("the inputs of experts are mixtures of rows, or all but one output only zeros")
    return float(pairs[np.isfinite(pairs)].mean())


@metric(unit="fraction", low=0, high=1, better="lower", source="after Guo et al. 2025, arXiv:2505.22323, their code")
def expert_output_overlap(arrays: LayerArrays) -> float:
    """Share of a selected expert's squared output in the span of the row's other selected experts' outputs, a mean.

    The mean is over rows that select several experts, and over these. It is the orthogonality loss of the authors' code
    divided by the output's squared length. Their code does not define the paper's expert overlap.
    """
    arrays.require_several_experts()
    overlap = float(arrays.file("geometry")["output_overlap"][arrays.number])
    if np.isnan(overlap):
        raise Undefined("no row selects several experts with outputs, or more of them than the layer is wide")
    return overlap


def _router(arrays: LayerArrays) -> np.ndarray:
    arrays.require_several_experts()
    weights_ED = _of_layer(arrays, "router_weights")
    there_D = np.isfinite(weights_ED).all(0)
    if not there_D.any():
        raise Undefined(NO_HEAD)
    return weights_ED[:, there_D].astype(np.float64)


def _of_layer(arrays: LayerArrays, name: str) -> np.ndarray:
    """The layer's part of an array, without padding for layers with more experts."""
    whole, experts = arrays.file("geometry")[name][arrays.number], arrays.layer.experts
    return whole[:experts, :experts] if name != "router_weights" else whole[:experts]
