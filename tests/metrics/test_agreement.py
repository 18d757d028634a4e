"""Agreement with the labels against scikit-learn."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from moe_lab.metrics import METRICS, agreement, balance

SCORES = {
    "normalized_mutual_information": normalized_mutual_info_score,
    "adjusted_mutual_information": adjusted_mutual_info_score,
    "adjusted_rand_index": adjusted_rand_score,
}
OF_AGREEMENT = [name for name, metric in METRICS.items() if metric.group == "agreement"]


@pytest.mark.parametrize("name", SCORES)
@given(seed=st.integers(0, 2**32 - 1), N=st.integers(5, 60), E=st.integers(2, 6), C=st.integers(2, 5))
@example(seed=17770, N=5, E=2, C=2)
@settings(deadline=None, max_examples=25)
def test_against_scikit_learn(random_arrays, run_arrays, name, seed, N, E, C):
    arrays = run_arrays(random_arrays(seed, N, E, C))
    entry = METRICS[name].entry(arrays)
    if entry["value"] is None:
        assert any(why in entry["reason"] for why in ("collapsed", "one class", "chance", "trivial"))
        return
    label, expert = arrays.label_N[arrays.routed_N], arrays.expert_N[arrays.routed_N]
    assert entry["value"] == pytest.approx(SCORES[name](label, expert), abs=1e-9)


def test_a_partition_that_is_the_classes(random_arrays, run_arrays):
    routing = random_arrays(0, E=3, C=3)
    routing["weights"] = np.eye(3, dtype=np.float32)[routing["label"]]
    entries = {name: METRICS[name].entry(run_arrays(routing))["value"] for name in OF_AGREEMENT}
    assert entries.pop("expert_class_precision") == [1, 1, 1]
    assert set(entries) == {"purity", *SCORES}
    assert list(entries.values()) == pytest.approx([1, 1, 1, 1])


@pytest.mark.parametrize("name", OF_AGREEMENT)
def test_collapse_has_no_agreement(random_arrays, run_arrays, name):
    routing = random_arrays(0, N=100, E=2, zero_share=0)
    routing["weights"] = np.tile(np.float32([1, 0]), (100, 1))
    routing["weights"][:4] = [0, 1]
    reason = "collapsed: one expert has 96.0 % of the routed test samples"
    assert METRICS[name].entry(run_arrays(routing))["reason"] == reason
    routing["weights"][4] = [0, 1]
    # 95 of 100 are not more than 95 %
    assert METRICS[name].entry(run_arrays(routing))["value"] is not None
    assert balance.COLLAPSE_SHARE == 0.95


def test_classes_that_are_as_often_elsewhere_belong_to_both(random_arrays, run_arrays):
    routing = random_arrays(0, N=4, E=2, C=2, zero_share=0)
    routing["label"] = np.array([0, 0, 1, 1])
    routing["weights"] = np.float32([[1, 0], [0, 1], [1, 0], [1, 0]])
    # class 0 is once with each; class 1 is with expert 0
    assert agreement.expert_class_precision(run_arrays(routing)) == [1, 1]
