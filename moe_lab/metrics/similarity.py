"""Similarity of experts: of their predictions, errors, features and weights."""

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, RunArrays
from moe_lab.metrics.registry import Undefined, metric, require_several_experts

CONSTANT = "no two experts are wrong on some test samples and right on others"


def disagreement(prediction_NE: np.ndarray) -> np.ndarray:
    """Share of the samples on which two experts predict different classes, [E, E].

    Source: Skalak 1996, The sources of increased accuracy for two proposed boosting algorithms.
    """
    prediction_EN = np.ascontiguousarray(prediction_NE.T)
    return np.stack([(one_N != prediction_EN).mean(1) for one_N in prediction_EN])


def error_correlation(wrong_NE: np.ndarray) -> np.ndarray:
    """Pearson's correlation of two experts' errors (0 or 1), [E, E]; NaN for experts that are always right or wrong.

    Source: Kuncheva and Whitaker 2003, Measures of diversity in classifier ensembles, eq. 6.
    """
    centred_NE = wrong_NE - wrong_NE.mean(0)
    covariance_EE = centred_NE.T @ centred_NE
    sd_E = np.sqrt(np.diagonal(covariance_EE))
    outer_EE = sd_E[:, None] * sd_E
    return np.divide(covariance_EE, outer_EE, out=np.full_like(outer_EE, np.nan), where=outer_EE > 0)


def expert_errors(arrays: ClassArrays) -> np.ndarray:
    """Whether each expert's own prediction is wrong, [N, E]."""
    return arrays.expert_prediction_NE != arrays.label_N[:, None]


def _mean_of_pairs(alike_EE: np.ndarray, undefined: str) -> float:
    value_P = alike_EE[np.triu_indices(len(alike_EE), 1)]
    if not np.isfinite(value_P).any():
        raise Undefined(undefined)
    return float(value_P[np.isfinite(value_P)].mean())


def stored_similarity(arrays: RunArrays, name: str) -> np.ndarray:
    """A similarity [E, E] of evaluation.npz. Raises Undefined, with the reason, if there is none."""
    require_several_experts(arrays)
    stored = arrays.stored("evaluation")
    if name not in stored:
        raise Undefined("the experts have no hidden layer, or too wide ones, or an earlier version trained them")
    return stored[name]


@metric(unit="fraction", low=0, high=1, better="none", source="Skalak 1996", task="classification")
def expert_disagreement(arrays: ClassArrays) -> float:
    """Share of test samples on which two experts predict different classes, mean over all pairs."""
    require_several_experts(arrays)
    return _mean_of_pairs(disagreement(arrays.expert_prediction_NE), CONSTANT)


@metric(unit="ratio", low=-1, high=1, better="none", source="Kuncheva 2003, eq. 6", task="classification")
def expert_error_correlation(arrays: ClassArrays) -> float:
    """Correlation of two experts' errors on the test samples, mean over all pairs that have one."""
    require_several_experts(arrays)
    return _mean_of_pairs(error_correlation(expert_errors(arrays)), CONSTANT)


@metric(unit="ratio", low=0, high=1, better="none", source="Kornblith et al. 2019, arXiv:1905.00414, eq. 4")
def expert_feature_similarity(arrays: RunArrays) -> float:
    """Linear CKA of two experts' last hidden layers (before the ReLU) on up to 1,000 test samples, mean over pairs."""
    return _mean_of_pairs(stored_similarity(arrays, "feature_cka"), "all experts' features are constant")


@metric(unit="ratio", low=-1, high=1, better="none", source="moe-lab")
def expert_weight_cosine(arrays: RunArrays) -> float:
    """Cosine of two experts' parameters, each expert's as one vector, mean over pairs."""
    return _mean_of_pairs(stored_similarity(arrays, "weight_cosine"), "all experts' weights are zero")
