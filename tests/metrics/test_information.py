import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from moe_lab.metrics import compute
from moe_lab.metrics.formulas import conditional_information_bits
from moe_lab.metrics.information import (
    choice_and_answer_information_bits,
    expert_answer_information_bits,
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
        "reason": "H(load) is 0: one expert is the arg-max of every routed test sample",
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


@given(seed=st.integers(0, 2**32 - 1), E=st.integers(1, 6), C=st.integers(2, 5))
@settings(deadline=None, max_examples=40)
def test_who_classifies_is_the_chain_rule_of_scikit_learn(random_arrays, run_arrays, seed, E, C):
    routing = random_arrays(seed, 200, E, C)
    arrays = run_arrays(routing)
    expert, label, own = (
        arrays.expert_N[arrays.routed_N],
        arrays.label_N[arrays.routed_N],
        arrays.expert_own_prediction_M,
    )
    within = [mutual_info_score(label[expert == e], own[expert == e]) * np.mean(expert == e) for e in set(expert)]
    given_bits = expert_answer_information_bits(arrays)
    assert given_bits == pytest.approx(sum(within) / np.log(2), abs=1e-12)
    both_bits = mutual_info_score(label, expert * C + own) / np.log(2)
    if E > 1:
        assert choice_and_answer_information_bits(arrays) == pytest.approx(both_bits, abs=1e-12)
    assert given_bits <= min(both_bits, np.log2(C)) + 1e-12


def test_who_classifies_by_hand():
    # expert 0 answers right on classes 0 and 1, four samples: 1 bit; expert 1 is a constant on classes 2 and 3: 0 bits
    expert, label = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    own = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    plug_in, corrected = conditional_information_bits(expert, label, own)
    assert plug_in == 1 / 2
    # H(E,Y) 4 cells, H(E,Y') 3, H(E,Y,Y') 4, H(E) 2, of 8 samples: (3 + 2 - 3 - 1) / (16 ln 2)
    assert corrected == pytest.approx(1 / 2 + 1 / (16 * np.log(2)), abs=1e-12)


def test_the_correction_takes_off_what_chance_gives():
    """Labels and answers that have nothing in common: the plug-in value is all bias."""
    source, found = np.random.default_rng(0), []
    for _ in range(200):
        columns = source.integers(0, 2, 2000), source.integers(0, 5, 2000), source.integers(0, 5, 2000)
        found.append(conditional_information_bits(*columns))
    plug_in, corrected = np.array(found).T
    # (5 - 1)(5 - 1) 2 / (2 * 2000 ln 2) = .0115 bit
    assert plug_in.mean() == pytest.approx(32 / (4000 * np.log(2)), rel=0.1)
    assert abs(corrected.mean()) < 4 * corrected.std() / np.sqrt(200) + 2e-4


def test_many_classes_and_experts_take_no_table():
    """256 experts and 1,000 classes twice would be 2 GB of counts; the cells of 20,000 samples are 20,000."""
    source = np.random.default_rng(0)
    columns = source.integers(0, 256, 20_000), source.integers(0, 1000, 20_000), source.integers(0, 1000, 20_000)
    tracemalloc.start()
    conditional_information_bits(*columns)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
