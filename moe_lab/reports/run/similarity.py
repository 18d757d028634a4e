"""How alike the experts are: in their answers, in their errors, in their features and in their weights."""

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
    """Heat maps of every two experts; None where nothing is known of them."""
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
        "Every two experts",
        panels,
        "On all test samples, whoever had them. Disagreement: share on which their answers differ. "
        "Correlation of errors: 1 where they fail together, below 0 where one stands in for the other. Features: "
        "likeness of their last hidden layers up to rotation and scale (up to 1,000 test samples). Weights: cosine of "
        "all their parameters, near 0 for networks that were initialized apart.",
        FULL if len(panels) > 1 else HALF,
    )


def _stored(arrays: RunArrays, name: str) -> np.ndarray | None:
    try:
        return stored_similarity(arrays, name)
    except Undefined:
        return None
