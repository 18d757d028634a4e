"""The pictures of a path of lambdas, from rows and weights written by hand."""

import numpy as np

from moe_lab.reports.run.lasso_path import path_pictures

STAGES = [
    {"lambda": 0.01, "active_experts": 5.0, "nonzero_experts": 5.0},
    {"lambda": 0.1, "active_experts": 2.5, "nonzero_experts": 3.0},
]
STAGES[0] |= {"train_error_rate": 0.1, "validation_error_rate": 0.2}
STAGES[1] |= {"train_error_rate": 0.2, "validation_error_rate": 0.1}
WEIGHTS = np.array([[[1.0, -2.0], [0.5, 0.1]], [[0.0, -1.0], [0.0, 0.0]]])


def test_every_weight_is_a_line_and_a_row():
    weights, active, error = path_pictures(STAGES, WEIGHTS)
    assert len(weights.rows) == 8 and "Not zero: 4 at 0.01, 1 at 0.1" in weights.alt
    assert {"lambda": 0.1, "input": 0, "expert": 1, "weight": -1.0} in weights.rows
    assert active.rows[1] == {"lambda": 0.1, "active_experts": 2.5, "nonzero_experts": 3.0}
    # percent
    assert error.rows[1] == {"lambda": 0.1, "train_error_rate": 20.0, "validation_error_rate": 10.0}
    assert "best at \N{GREEK SMALL LETTER LAMDA} = 0.1 (10.0\N{NO-BREAK SPACE}%)" in error.caption


def test_a_falling_path_of_numbers_without_validation_and_without_a_linear_layer():
    measured = {"active_experts": 1.0, "train_rmse_sd": 0.5, "validation_rmse_sd": None}
    rows = [{"lambda": value, **measured} for value in (1.0, 0.1)]
    active, error = path_pictures(rows, None)
    assert list(error.rows[0]) == ["lambda", "train_rmse_sd"] and "best" not in error.caption
    assert list(active.rows[0]) == ["lambda", "active_experts"]
    assert path_pictures(rows, None) == (active, error)
