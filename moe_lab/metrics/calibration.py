"""Calibration of the mixture, and of each expert on its own samples; and the gap between training and test.

The experts' probabilities are those of expert_log_probs.npz, in half precision.
"""

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, NumberArrays, RunArrays
from moe_lab.metrics.competence import test_error_rate, test_loss_nats
from moe_lab.metrics.over_time import column_T
from moe_lab.metrics.registry import metric, require_routed
from moe_lab.metrics.regression import test_rmse_sd

#: bins of equal width of the confidence
BINS = 15
#: test samples at a time, so that probabilities in double precision need little memory
ROWS = 4096


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="lower",
    source="Guo et al. 2017, arXiv:1706.04599, ECE",
    task="classification",
)
def calibration_error(arrays: ClassArrays) -> float:
    """Expected calibration error of the mixture: mean distance of confidence and accuracy over 15 equal bins."""
    return expected_calibration_error(np.exp(arrays.log_probs_NC.max(1)), arrays.prediction_N == arrays.label_N)


@metric(unit="ratio", low=0, high=2, better="lower", source="Brier 1950", task="classification")
def brier_score(arrays: ClassArrays) -> float:
    """Mean squared distance of the mixture's probabilities from the one-hot class, summed over classes."""
    return brier(arrays.log_probs_NC, arrays.label_N)


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="lower",
    source="Guo et al. 2017, arXiv:1706.04599, ECE",
    null_element="null if an expert is the arg-max of no test sample",
    task="classification",
)
def expert_calibration_error(arrays: ClassArrays) -> list[float | None]:
    """For each expert, its expected calibration error on the test samples whose arg-max expert it is."""
    own_E = _own_rows(arrays)
    right_NE = ~arrays.expert_wrong_NE
    return [
        expected_calibration_error(np.exp(log_probs.max(1)), right_NE[rows, e]) if len(rows) else None
        for e, (rows, log_probs) in enumerate(own_E)
    ]


@metric(
    unit="ratio",
    low=0,
    high=2,
    better="lower",
    source="Brier 1950",
    null_element="null if an expert is the arg-max of no test sample",
    task="classification",
)
def expert_brier_score(arrays: ClassArrays) -> list[float | None]:
    """For each expert, its Brier score on the test samples whose arg-max expert it is."""
    return [brier(log_probs, arrays.label_N[rows]) if len(rows) else None for rows, log_probs in _own_rows(arrays)]


@metric(unit="fraction", low=-1, high=1, better="lower", source="moe-lab", task="classification")
def generalization_gap(arrays: ClassArrays) -> float:
    """Test error rate minus the training error rate of the last epoch, which is counted during the epoch."""
    return test_error_rate(arrays) - column_T(arrays, "train_error_rate")[-1]


@metric(unit="sd", low=None, high=None, better="lower", source="moe-lab", task="regression")
def generalization_gap_sd(arrays: NumberArrays) -> float:
    """Test RMSE minus the training RMSE of the last epoch, which is computed during the epoch."""
    return test_rmse_sd(arrays) - column_T(arrays, "train_rmse_sd")[-1]


@metric(unit="nats", low=None, high=None, better="lower", source="moe-lab")
def generalization_gap_nats(arrays: RunArrays) -> float:
    """Test loss minus the last epoch's training loss, that of the objective. They match if the latter is -log q(y)."""
    return test_loss_nats(arrays) - column_T(arrays, "train_loss_nats")[-1]


@metric(unit="nats", low=None, high=None, better="none", source="moe-lab")
def train_loss_nats(arrays: RunArrays) -> float:
    """The objective's loss during the last training epoch, without regularizers."""
    return column_T(arrays, "train_loss_nats")[-1]


def expected_calibration_error(confidence_N: np.ndarray, right_N: np.ndarray) -> float:
    """sum over bins b of |right answers in b - summed confidence in b| / N, bins (0, 1/15], (1/15, 2/15] ... ."""
    bin_N = np.clip(np.ceil(confidence_N.astype(np.float64) * BINS).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bin_N, right_N - confidence_N.astype(np.float64))).sum() / len(right_N))


def brier(log_probs_NC: np.ndarray, label_N: np.ndarray) -> float:
    """Mean of sum_c (q_c - [y = c])^2 = sum_c q_c^2 - 2 q_y + 1, computed in blocks of rows."""
    total = 0.0
    for start in range(0, len(label_N), ROWS):
        probs_RC = np.exp(log_probs_NC[start : start + ROWS].astype(np.float64))
        of_label_R = np.take_along_axis(probs_RC, label_N[start : start + ROWS, None], 1)[:, 0]
        total += float((np.square(probs_RC).sum(1) - 2 * of_label_R + 1).sum())
    return total / len(label_N)


def _own_rows(arrays: ClassArrays) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each expert, the mask of the test samples whose arg-max it is, and its log-probabilities [n, C] on them."""
    require_routed(arrays)
    log_probs_NEC = arrays.stored("expert_log_probs")["log_probs"]
    rows_E = [np.flatnonzero(arrays.expert_N == e) for e in range(arrays.experts)]
    return [(rows, log_probs_NEC[rows, e].astype(np.float64)) for e, rows in enumerate(rows_E)]
