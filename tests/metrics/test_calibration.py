import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from moe_lab.metrics.calibration import brier, expected_calibration_error


def test_calibration_error_by_hand():
    # (0, 1/15], ... : .5 and .52 share the bin (7/15, 8/15], 1 has the last, 1/15 the first
    confidence, right = np.array([0.5, 0.52, 1, 1 / 15]), np.array([True, False, True, False])
    # |1 - 1.02| + |1 - 1| + |0 - 1/15| over 4
    assert expected_calibration_error(confidence, right) == pytest.approx((0.02 + 1 / 15) / 4)


def test_calibration_error_against_a_loop_over_bins():
    rng = np.random.default_rng(0)
    confidence = rng.random(500)
    right = rng.random(500) < confidence**2
    edges = np.linspace(0, 1, 16)
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(confidence, right) == pytest.approx(total)


def test_what_is_certain_and_right_is_calibrated():
    assert expected_calibration_error(np.ones(3, np.float32), np.ones(3, bool)) == 0
    certain = np.where(np.eye(3) > 0, 0, -np.inf)
    assert brier(certain, np.arange(3)) == 0
    assert brier(certain, np.array([1, 2, 0])) == 2


def test_brier_of_two_classes_is_twice_scikit_learns():
    rng = np.random.default_rng(0)
    p, label = rng.random(5000), rng.integers(0, 2, 5000)  # more than are taken at a time
    assert brier(np.log(np.stack([1 - p, p], 1)), label) == pytest.approx(2 * brier_score_loss(label, p))
