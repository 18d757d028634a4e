"""Performance of the mixture and its experts in regression. sd is that of the targets over the training split."""

import numpy as np

from moe_lab.metrics.arrays import NumberArrays
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_routed


@metric(unit="sd", low=0, high=None, better="lower", source="Gauss 1809", task="regression")
def test_rmse_sd(arrays: NumberArrays) -> float:
    """Root mean squared error of the mixture's mean over the test split, in sd: about 1 for a constant prediction."""
    return _rms(arrays.error_N)


@metric(unit="y", low=0, high=None, better="lower", source="Gauss 1809", task="regression")
def test_rmse(arrays: NumberArrays) -> float:
    """Root mean squared error of the mixture's mean over the test split, in the unit of y."""
    return arrays.target_sd * test_rmse_sd(arrays)


@metric(unit="fraction", low=None, high=1, better="higher", source="Wright 1921", task="regression")
def test_r2(arrays: NumberArrays) -> float:
    """1 - summed squared error / summed squared distance of y from its test mean: the share of variance explained."""
    label_N = arrays.label_N.astype(np.float64)
    total = np.square(label_N - label_N.mean()).sum()
    if total == 0:
        raise Undefined("the test targets are all equal")
    return 1 - np.square(arrays.error_N).sum() / total


@metric(
    unit="sd",
    low=0,
    high=None,
    better="lower",
    source="moe-lab",
    null_element="null if an expert is the arg-max of no test sample",
    task="regression",
)
def expert_rmse_sd(arrays: NumberArrays) -> list[float | None]:
    """For each expert, the root mean squared error of its own mean on the test samples whose arg-max expert it is."""
    require_routed(arrays)
    own_E = [arrays.expert_error_NE[arrays.expert_N == e, e] for e in range(arrays.experts)]
    return [_rms(error_M) if len(error_M) else None for error_M in own_E]


@metric(unit="sd", low=0, high=None, better="lower", source="moe-lab", task="regression")
def expert_rmse_everywhere_sd(arrays: NumberArrays) -> list[float]:
    """For each expert, the root mean squared error of its own mean on all test samples."""
    return [_rms(error_N) for error_N in arrays.expert_error_NE.T]


@metric(
    unit="sd",
    low=0,
    high=None,
    better="lower",
    source="moe-lab",
    null_element="null if an expert is the arg-max of every routed test sample",
    task="regression",
)
def expert_rmse_elsewhere_sd(arrays: NumberArrays) -> list[float | None]:
    """For each expert, the root mean squared error of its own mean on samples whose arg-max expert is another one."""
    require_choice(arrays)
    others_E = [arrays.routed_N & (arrays.expert_N != e) for e in range(arrays.experts)]
    return [_rms(arrays.expert_error_NE[rows, e]) if rows.any() else None for e, rows in enumerate(others_E)]


@metric(unit="sd", low=0, high=None, better="lower", source="Kuncheva 2002, the oracle", task="regression")
def oracle_rmse_sd(arrays: NumberArrays) -> float:
    """Root mean squared error of the expert mean nearest to y, chosen for each test sample with y known."""
    return _rms(np.abs(arrays.expert_error_NE).min(1))


@metric(unit="nats", low=None, high=None, better="lower", source="moe-lab", task="regression")
def hardening_gap_nats(arrays: NumberArrays) -> float:
    """-mean log density of the arg-max expert alone minus that of the mixture, over routed samples."""
    require_choice(arrays)
    rows = np.flatnonzero(arrays.routed_N)
    alone_M = arrays.expert_log_prob_true_NE[rows, arrays.expert_N[rows]].astype(np.float64)
    return (arrays.log_likelihood_N[rows] - alone_M).mean()


def _rms(error_N: np.ndarray) -> float:
    return float(np.sqrt(np.square(error_N).mean()))
