"""Similarity of the rows of a router's weight matrix, one row per expert. No label and no token is needed."""

from functools import partial

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.measured import Measured, register
from moe_lab.metrics.traces.sampled import Place, Statistic, sampled, with_p

COSINE = register(
    "router_cosine",
    scope="router",
    unit="ratio",
    low=-1.0,
    definition="Mean cosine between the weights of two experts in the router, over all pairs.",
    source="moe-lab",
)
GRAM = register(
    "router_gram_distance",
    scope="router",
    unit="ratio",
    high=None,
    definition="||W W^T - 1||_1, the sum of absolute values, with one row of W per expert.",
    source="Omi, Sen and Farhadi 2025, arXiv:2506.14038",
)


def router_geometry(weights_ED: np.ndarray, layer: str | None = None) -> list[Measured]:
    """How far a router's rows are from orthogonal.

    Args:
        weights_ED: one row per expert of a linear router, logits = weights_ED @ x.
        layer: the layer's name.
    """
    weights_ED = np.asarray(weights_ED, dtype=np.float64)
    place = Place(layer=layer)
    return with_p(
        [sampled(COSINE, partial(_cosine, weights_ED), place), sampled(GRAM, partial(_gram, weights_ED), place)]
    )


def _cosine(weights_ED: np.ndarray) -> Statistic:
    return Statistic(mean_cosine(weights_ED))


def _gram(weights_ED: np.ndarray) -> Statistic:
    return Statistic(gram_distance(weights_ED))


def mean_cosine(weights_ED: np.ndarray) -> float:
    """The mean cosine of two rows, over all pairs. Raises Undefined if there is one row only, or one is zero."""
    length_E1 = np.linalg.norm(weights_ED, axis=1, keepdims=True)
    if len(weights_ED) < 2:
        raise Undefined("there is only one expert")
    if not length_E1.all():
        raise Undefined("an expert's weights in the router are all zero")
    unit_ED = weights_ED / length_E1
    pairs = np.triu_indices(len(unit_ED), 1)
    return float((unit_ED @ unit_ED.T)[pairs].mean())


def gram_distance(weights_ED: np.ndarray) -> float:
    """||W W^T - 1||_1, the sum of absolute values."""
    return float(np.abs(weights_ED @ weights_ED.T - np.eye(len(weights_ED))).sum())
