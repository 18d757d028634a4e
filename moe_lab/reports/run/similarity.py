"""Similarity of the experts: of their predictions, errors, features and weights."""

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, NumberArrays, RunArrays
from moe_lab.metrics.similarity import disagreement, error_correlation, expert_errors, stored_similarity
from moe_lab.metrics.stored import Undefined
from moe_lab.reports.kit.heat import heat_maps
from moe_lab.reports.kit.picture import FULL, HALF, Picture

#: array of evaluation.npz -> panel, colours and their ends
INSIDE = {
    "feature_cka": ("features (linear CKA)", "Blues", 0.0, 1.0),
    "weight_cosine": ("weights (cosine)", "RdBu_r", -1.0, 1.0),
}


def similarity_picture(arrays: ClassArrays | NumberArrays) -> Picture | None:
    """Heat maps over pairs of experts; None if no similarity was stored."""
    panels: dict[str, tuple[np.ndarray, str, float, float]] = {}
    if isinstance(arrays, ClassArrays):
        panels["disagreement"] = (disagreement(arrays.expert_prediction_NE), "Blues", 0.0, 1.0)
        panels["correlation of errors"] = (error_correlation(expert_errors(arrays)), "RdBu_r", -1.0, 1.0)
    for name, (label, colours, low, high) in INSIDE.items():
        found = _stored(arrays, name)
        if found is not None:
            panels[label] = (found, colours, low, high)
    if not panels:
        return None
    return heat_maps(
        "similarity",
        "Pairs of experts",
        panels,
        "Over all test samples, whichever expert they were routed to. Disagreement: share on which the predictions "
        "differ. Correlation of errors: 1 if both are wrong on the same samples, below 0 if one is right where the "
        "other is wrong. Features: similarity of their last hidden layers up to rotation and scale (up to 1,000 test "
        "samples). Weights: cosine of all their parameters, near 0 for networks that were initialized independently.",
        FULL if len(panels) > 1 else HALF,
    )


def _stored(arrays: RunArrays, name: str) -> np.ndarray | None:
    try:
        return stored_similarity(arrays, name)
    except Undefined:
        return None
