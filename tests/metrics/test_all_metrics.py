"""What holds for every registered metric: its value on one small run worked by hand, its bounds, its invariances."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.metrics import METRICS, RunArrays, compute
from moe_lab.metrics.similarity import CONSTANT

# The run of conftest.tiny: arg-max experts 0 0 1 1 and one sample without; labels 0 0 1 0 2; E=4, C=3.
# H(3/4, 1/4) = 2 - .75 log2 3 = .8112781245
EXPECTED = {
    # predictions 0 1 1 1 2 against labels 0 0 1 0 2: samples 1 and 3 are wrong
    "test_error_rate": 2 / 5,
    # q(y) = 1/2 1/4 1/2 1/4 1/2: (1 + 2 + 1 + 2 + 1) ln 2 / 5
    "test_loss_nats": 7 / 5 * math.log(2),
    # arg-max experts predict 0 0 | 1 1 for labels 0 0 | 1 0
    "expert_error_rate": [0, 1 / 2, None, None],
    # only sample 3 (label 0, experts 1 1 2 1) is wrong with every expert
    "oracle_error_rate": 1 / 5,
    # over the four routed samples: experts 1/4 wrong, mixture 2/4
    "hardening_gap": -1 / 4,
    # rows 1 | 1/2 1/2 | 1 | 1/2 1/2 have 0 1 0 1 bits
    "sample_entropy_bits": 1 / 2,
    # 1/2 of log2 4
    "sample_entropy_share": 1 / 4,
    # 2 + 1 + 0 + 1.5 + 1 over five samples; the one that no expert got still has a distribution
    "router_entropy_bits": 5.5 / 5,
    # mean row 3/8 1/2 1/8 0: 3/8 (3 - log2 3) + 1/2 + 3/8
    "usage_entropy_bits": 2 - 3 / 8 * math.log2(3),
    "usage_entropy_share": 1 - 3 / 16 * math.log2(3),
    # loads 2 2 0 0
    "load_entropy_bits": 1,
    "effective_experts": 2,
    "dead_experts": 2,
    # mean load 4/4 = 1: (2 - 1) / 1
    "load_max_violation": 1,
    "top_expert_share": 1 / 2,
    "collapsed": 0,
    "unrouted_share": 1 / 5,
    # half of the choices of sample 3, all of sample 4's
    "overflow_share": 1.5 / 5,
    # table 2 0 0 / 1 1 0: H(E) + H(Y) - H(E,Y) = 1 + .8112781245 - 1.5
    "mutual_information_expert_label_bits": 0.3112781245,
    # experts' own predictions 2 0 0 / 0 2 0: one bit
    "mutual_information_expert_prediction_bits": 1,
    # divided by H(E) = 1
    "information_per_usage": 0.3112781245,
    # divided by min(2, .8112781245)
    "mutual_information_share": 0.3112781245 / 0.8112781245,
    # the class tells the table 2 0 0 / 1 1 0 above; permuted within itself it tells the same
    "attribute_information_per_usage": {"class": 0.3112781245},
    "attribute_information_null_per_usage": {"class": 0.3112781245},
    "attribute_information_null_95_per_usage": {"class": 0.3112781245},
    "attribute_given_class_bits": {"class": 0},
    "attribute_given_class_null_bits": {"class": 0},
    "attribute_given_class_null_95_bits": {"class": 0},
    # experts 0 1 0 1 2 of labels 0 0 1 0 2: H(2 2 1) + H(3 1 1) - H(1 1 2 1) = .9709505945 of 1.5219280949;
    # experts 0 1 1 2 3: H(1 2 1 1) + H(3 1 1) - H(1 1 1 1 1) = .9709505945 of 1.9219280949
    "reference_information_per_usage": {"untrained": 0.6379740263, "learnable": 0.5051961338},
    # 0 0 1 1 with 0 1 0 1: pairs together 2, 2 and none in both of 6, 4/6 expected: (0 - 2/3) / (2 - 2/3);
    # with 0 1 1 2: pairs 2, 1, none in both, 1/3 expected: (0 - 1/3) / (3/2 - 1/3)
    "reference_agreement_ari": {"untrained": -1 / 2, "learnable": -2 / 7},
    # with the labels 0 0 1 0: pairs 2, 3, one in both, one expected
    "recovery_ari": 0,
    # experts 0 1 1 2 3 say 0 1 1 2 2 of labels 0 0 1 0 2
    "learnable_error_rate": 2 / 5,
    # wrong before: samples 1 and 3. Without expert 0 (which has 0, 1): 0, 1, 3; without 1 (2, 3): 1, 2, 3; without 2: 1
    "removal_own_drop": [1 / 2, 1 / 2, None, None],
    "removal_others_drop": [0, 0, -1 / 5, 0],
    # class 0 (samples 0, 1, 3) is expert 0's, class 1 (sample 2) expert 1's; nobody has class 2
    "removal_classes_drop": [1 / 3, 1, None, None],
    # q(y) from 1/2 1/4 1/2 1/4 1/2 to 1/4: ln 2 for samples 0, 2 and 4
    "removal_own_nats": [math.log(2) / 2, math.log(2) / 2, None, None],
    "removal_others_nats": [math.log(2) * share for share in (2 / 3, 2 / 3, 3 / 5, 3 / 5)],
    # 3 and 1 wrong in place of 2, of 5
    "swap_drop": {"0-1": 1 / 5, "0-2": 0, "0-3": 0, "1-2": 0, "1-3": 0, "2-3": -1 / 5},
    # first choices 0 0 1 1 say 0 0 1 1 of labels 0 0 1 0, second ones 1 1 0 0 say 1 1 0 1: 4 wrong and 1
    "second_choice_drop": 3 / 4,
    # pairs 01 02 03 12 13 23 differ on 4 4 3 3 3 5 samples of 5
    "expert_disagreement": 22 / 30,
    # errors 00111 11011 11011 11110: -.08 / sqrt(.24 .16) three times, 1, and -.04 / .16 twice
    "expert_error_correlation": (3 * -0.08 / math.sqrt(0.24 * 0.16) + 1 - 0.5) / 6,
    "expert_feature_similarity": (0.8 + 5 * 0.5) / 6,
    "expert_weight_cosine": (-0.2 + 5 * 0.1) / 6,
    "parameters_total": 1000,
    "parameters_active": 600,
}
PER_EXPERT = {"expert_error_rate"}
#: metrics with a null element in the run by hand
WITH_NULLS = {"expert_error_rate", "removal_own_drop", "removal_classes_drop", "removal_own_nats"}
#: metrics of what runs store besides, which the random ones have not (test_stored_metrics.py has)
STORED = {name for name in METRICS if name.startswith(("attribute_", "reference_", "removal_", "learnable_"))}
STORED |= {"recovery_ari", "swap_drop", "expert_feature_similarity", "expert_weight_cosine"}
OF_CLASSES = [name for name, metric in METRICS.items() if metric.serves("classification")]

shapes = {"seed": st.integers(0, 2**32 - 1), "N": st.integers(1, 40), "E": st.integers(1, 6), "C": st.integers(1, 5)}
zero_shares = st.sampled_from([0.0, 0.3, 1.0])


def test_every_metric_has_an_expected_value():
    assert EXPECTED.keys() == set(OF_CLASSES)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_value_by_hand(tiny, name):
    entry = compute(RunArrays.from_files(tiny))[name]
    assert entry["value"] == pytest.approx(EXPECTED[name], abs=1e-7)
    assert entry["unit"] == METRICS[name].unit
    assert ("reason" in entry) == (name in WITH_NULLS)


@given(**shapes, zero_share=zero_shares)
@settings(deadline=None, max_examples=60)
def test_values_lie_within_bounds_or_are_null_with_a_reason(random_arrays, run_arrays, seed, N, E, C, zero_share):
    entries = compute(run_arrays(random_arrays(seed, N, E, C, zero_share)))
    for name, entry in entries.items():
        values = entry["value"] if isinstance(entry["value"], list) else [entry["value"]]
        assert (None in values) == ("reason" in entry), name
        low, high = METRICS[name].bounds(experts=E, classes=C)
        for value in filter(None, values):
            assert low - 1e-6 <= value, name
            assert high is None or value <= high + 1e-6, name


@given(**shapes, zero_share=zero_shares)
@settings(deadline=None, max_examples=40)
def test_permuting_samples_changes_nothing(random_arrays, run_arrays, seed, N, E, C, zero_share):
    routing = random_arrays(seed, N, E, C, zero_share)
    order = np.random.default_rng(seed).permutation(N)
    permuted = compute(run_arrays({name: array[order] for name, array in routing.items()}))
    for name, entry in compute(run_arrays(routing)).items():
        assert permuted[name]["value"] == pytest.approx(entry["value"], abs=1e-9), name


@given(**shapes, zero_share=zero_shares)
@settings(deadline=None, max_examples=40)
def test_permuting_experts_permutes_only_what_is_per_expert(random_arrays, run_arrays, seed, N, E, C, zero_share):
    routing = random_arrays(seed, N, E, C, zero_share)
    order = np.random.default_rng(seed).permutation(E)
    per_expert = {name for name, array in routing.items() if array.ndim == 2} - {"log_probs"}
    permuted = compute(run_arrays({n: a[:, order] if n in per_expert else a for n, a in routing.items()}))
    for name, entry in compute(run_arrays(routing)).items():
        value = entry["value"]
        expected = [value[e] for e in order] if name in PER_EXPERT and value is not None else value
        assert permuted[name]["value"] == pytest.approx(expected, abs=1e-9), name


def test_one_expert_has_no_choice_to_measure(random_arrays, run_arrays):
    """A single network: what it predicts has values, what a gate would decide has none."""
    entries = compute(run_arrays(random_arrays(0, E=1, zero_share=0.0)))
    defined = {name for name, entry in entries.items() if entry["value"] is not None}
    assert defined == {
        "test_error_rate",
        "test_loss_nats",
        "expert_error_rate",
        "oracle_error_rate",
        "unrouted_share",
        "overflow_share",
        "parameters_total",
        "parameters_active",
    }
    reasons = {entries[name]["reason"] for name in OF_CLASSES if name not in defined}
    assert reasons == {"there is only one expert, so nothing was chosen"}


def test_one_class_has_no_shares_of_information(random_arrays, run_arrays):
    entries = compute(run_arrays(random_arrays(0, C=1)))
    known = [name for name in OF_CLASSES if name not in STORED]
    undefined = {name: entries[name]["reason"] for name in known if entries[name]["value"] is None}
    assert undefined == dict.fromkeys(
        ("information_per_usage", "mutual_information_share"), "the routed test samples are all of one class"
    ) | {"expert_error_correlation": CONSTANT}
    assert entries["mutual_information_expert_label_bits"]["value"] == 0


def test_no_routed_sample_leaves_only_what_needs_no_routing(random_arrays, run_arrays):
    entries = compute(run_arrays(random_arrays(0, E=4, zero_share=1.0)))
    assert {name for name, entry in entries.items() if entry["value"] is not None} == {
        "test_error_rate",
        "test_loss_nats",
        "oracle_error_rate",
        "router_entropy_bits",
        "expert_disagreement",
        "expert_error_correlation",
        "dead_experts",
        "unrouted_share",
        "overflow_share",
        "parameters_total",
        "parameters_active",
    }
    assert (entries["dead_experts"]["value"], entries["unrouted_share"]["value"]) == (4, 1)
    assert entries["expert_error_rate"]["reason"] == "no expert got any test sample"


def test_what_is_measured_of_numbers_alone_is_null_with_the_reason(tiny):
    entries = compute(RunArrays.from_files(tiny))
    reasons = {entry["reason"] for name, entry in entries.items() if name not in OF_CLASSES}
    assert reasons == {"the targets are classes, not numbers"}
