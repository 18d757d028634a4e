import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from moe_lab.metrics import compute
from moe_lab.metrics.information import (
    information_per_usage,
    mutual_information_expert_label_bits,
    mutual_information_expert_prediction_bits,
    mutual_information_share,
    router_entropy_bits,
    sample_entropy_bits,
)


@given(seed=st.integers(0, 2**32 - 1), E=st.integers(2, 6), C=st.integers(2, 5))
@settings(deadline=None, max_examples=40)
def test_against_scipy_and_scikit_learn(random_arrays, run_arrays, seed, E, C):
    routing = random_arrays(seed, 200, E, C)
    arrays = run_arrays(routing)
    routed = routing["weights"].sum(1) > 0
    weights = routing["weights"][routed].astype(np.float64)
    expert, label = weights.argmax(1), routing["label"][routed]
    own = routing["expert_prediction"][routed][np.arange(routed.sum()), expert]

    label_bits = mutual_info_score(expert, label) / np.log(2)
    assert mutual_information_expert_label_bits(arrays) == pytest.approx(label_bits, abs=1e-12)
    own_bits = mutual_info_score(expert, own) / np.log(2)
    assert mutual_information_expert_prediction_bits(arrays) == pytest.approx(own_bits, abs=1e-12)
    assert sample_entropy_bits(arrays) == pytest.approx(entropy(weights, base=2, axis=1).mean(), abs=1e-12)
    probs = routing["probs"].astype(np.float64)
    assert router_entropy_bits(arrays) == pytest.approx(entropy(probs, base=2, axis=1).mean(), abs=1e-12)

    expert_bits, class_bits = (entropy(np.unique(x, return_counts=True)[1], base=2) for x in (expert, label))
    assert 0 <= label_bits <= min(expert_bits, class_bits) + 1e-12
    assert information_per_usage(arrays) == pytest.approx(label_bits / expert_bits, abs=1e-12)
    assert mutual_information_share(arrays) == pytest.approx(label_bits / min(np.log2(E), class_bits), abs=1e-12)


def test_experts_that_follow_the_class_tell_everything(random_arrays, run_arrays):
    routing = random_arrays(0, 30, 3, 3)
    routing["label"] = np.arange(30) % 3
    routing["weights"] = np.eye(3, dtype=np.float32)[routing["label"]]
    arrays = run_arrays(routing)
    # three even classes, an expert each: log2 3 of log2 3
    assert mutual_information_expert_label_bits(arrays) == pytest.approx(np.log2(3), abs=1e-12)
    assert information_per_usage(arrays) == pytest.approx(1, abs=1e-12)
    assert mutual_information_share(arrays) == pytest.approx(1, abs=1e-12)
    assert sample_entropy_bits(arrays) == 0


def test_a_collapsed_gate_has_no_information_per_usage(random_arrays, run_arrays):
    routing = random_arrays(0, 30, 3, 3)
    routing["weights"] = np.tile(np.float32([0.2, 0.5, 0.3]), (30, 1))
    entries = compute(run_arrays(routing))
    assert entries["information_per_usage"] == {
        "value": None,
        "unit": "fraction",
        "reason": "H(E) is 0: one expert is the arg-max of every routed test sample",
    }
    assert entries["mutual_information_expert_label_bits"]["value"] == 0
    assert entries["mutual_information_share"]["value"] == 0


def test_rows_of_zero_router_probability_are_left_out(tiny, run_arrays):
    routing = tiny["routing"]
    routing["probs"][0] = 0
    # 1 + 0 + 1.5 + 1 over the four others
    assert router_entropy_bits(run_arrays(routing)) == 3.5 / 4
    routing["probs"][:] = 0
    assert compute(run_arrays(routing))["router_entropy_bits"]["reason"].startswith("the gate's distribution is zero")
