"""The picture of experts that are selected together."""

import numpy as np

from moe_lab.metrics import RunArrays
from moe_lab.reports.run.coactivation import coactivation_picture


def arrays(selected: np.ndarray) -> RunArrays:
    samples, experts = selected.shape
    weights = (selected / np.maximum(selected.sum(1, keepdims=True), 1)).astype(np.float32)
    half = np.full((samples, 2), np.log(0.5), dtype=np.float32)
    routing = {
        "sample_index": np.arange(samples),
        "label": np.zeros(samples, dtype=int),
        "prediction": np.zeros(samples, dtype=int),
        "log_probs": half,
        "probs": weights,
        "weights": weights,
        "selected": selected,
        "expert_prediction": np.zeros((samples, experts), dtype=int),
        "expert_log_prob_true": np.full((samples, experts), np.log(0.5), dtype=np.float32),
    }
    costs = ("parameters_total", "parameters_active", "multiply_adds_total", "multiply_adds_active")
    return RunArrays.from_files({"routing": routing, "evaluation": dict.fromkeys(costs, np.array(1))}, [])


def test_shares_by_hand():
    selected = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=bool)
    picture = coactivation_picture(arrays(selected))
    shares = {(row["expert"], row["with"]): row["share"] for row in picture.rows}
    # expert 0 has samples 0 1 2, of which 0 and 2 have expert 1 too; expert 2 has samples 1 and 3
    assert shares == {(0, 1): 2 / 3, (0, 2): 1 / 3, (1, 0): 2 / 3, (1, 2): 1 / 3, (2, 0): 1 / 2, (2, 1): 1 / 2}
    assert "n = 4 samples" in picture.caption


def test_none_where_nothing_is_together():
    assert coactivation_picture(arrays(np.eye(3, dtype=bool))) is None
    assert coactivation_picture(arrays(np.ones((4, 3), dtype=bool))) is None


def test_an_expert_that_nobody_selects_has_no_share():
    picture = coactivation_picture(arrays(np.array([[1, 1, 0], [1, 1, 0]], dtype=bool)))
    assert {row["share"] for row in picture.rows if row["expert"] == 2} == {None}
