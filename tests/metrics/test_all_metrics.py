"""What holds for every registered metric: its value on one small run worked by hand, and where it is undefined."""

from pathlib import Path

import pytest

from moe_lab.metrics import METRICS, RunArrays, compute, elements
from moe_lab.metrics.similarity import CONSTANT
from tests.metrics.expected import ANYWAY, EXPECTED

#: metrics of what runs store besides, which the random ones have not (test_stored_metrics.py has)
STORED = {name for name in METRICS if name.startswith(("attribute_", "reference_", "removal_", "learnable_"))}
TASKS = {name for name, metric in METRICS.items() if metric.group == "continual"}
STORED |= TASKS
STORED |= {
    "within_group_error_rate",
    "between_groups_error_rate",
    "recovery_ari",
    "dispatch_entropy_bits",
    "swap_drop",
    "expert_feature_similarity",
    "expert_weight_cosine",
}
#: those of language models have a file of their own, test_language.py
OF_CLASSES = [name for name, metric in METRICS.items() if metric.serves("classification") and not metric.of_networks]
#: has a value also where nothing is routed, or there is one expert
DEFINED = ANYWAY | {name for name in OF_CLASSES if METRICS[name].group == "cost"}


def test_every_metric_has_an_expected_value():
    assert EXPECTED.keys() == set(OF_CLASSES)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_value_by_hand(tiny, tiny_history, name):
    entry = METRICS[name].entry(RunArrays.from_files(tiny, tiny_history))
    assert entry["value"] == pytest.approx(EXPECTED[name], abs=1e-7)
    assert entry["unit"] == METRICS[name].unit
    assert ("reason" in entry) == (None in elements(EXPECTED[name]))


@pytest.mark.parametrize("name", [name for name, one in METRICS.items() if one.of_networks and not one.of_tokens])
def test_a_metric_of_networks_has_its_value_by_hand_in_the_test_of_its_group(name):
    files = Path(__file__).parent.glob(f"test_{METRICS[name].group}*.py")
    assert any(f'"{name}"' in file.read_text() for file in files)


def test_one_expert_has_no_choice_to_measure(random_arrays, run_arrays):
    """A single network: what it predicts has values, what a gate would decide has none."""
    entries = compute(run_arrays(random_arrays(0, E=1, zero_share=0.0)))
    defined = {name for name, entry in entries.items() if entry["value"] is not None}
    of_experts = {"expert_error_rate", "expert_calibration_error", "expert_brier_score", "samples_a_step"}
    # of one expert it is I(Y;Y')
    of_experts |= {name for name in OF_CLASSES if name.startswith("expert_answer_information")}
    assert defined == DEFINED | of_experts
    reasons = {entries[name]["reason"] for name in OF_CLASSES if name not in defined | TASKS}
    assert reasons == {"there is only one expert, so there is no choice"}


def test_one_class_has_no_shares_of_information(random_arrays, run_arrays):
    entries = compute(run_arrays(random_arrays(0, C=1)))
    known = [name for name in OF_CLASSES if name not in STORED]
    undefined = {name: entries[name]["reason"] for name in known if entries[name]["value"] is None}
    del undefined["collapse_epoch"]
    shares = {name for name in OF_CLASSES if name.startswith("information_per_usage")} | {"mutual_information_share"}
    agreement = {name for name in OF_CLASSES if METRICS[name].group == "agreement"}
    assert undefined.pop("expert_error_correlation") == CONSTANT
    assert undefined == dict.fromkeys(shares | agreement, "the routed test samples are all of one class")
    assert entries["mutual_information_expert_label_bits"]["value"] == 0


def test_no_routed_sample_leaves_only_what_needs_no_routing(random_arrays, run_arrays):
    entries = compute(run_arrays(random_arrays(0, E=4, zero_share=1.0)))
    of_training = {name for name in OF_CLASSES if METRICS[name].group == "dynamics"} - {"collapse_epoch"}
    of_training |= {"samples_a_step", "batch_max_violation"}
    assert {name for name, entry in entries.items() if entry["value"] is not None} == DEFINED | of_training | {
        "router_entropy_bits",
        "routing_variance",
        "expert_disagreement",
        "expert_error_correlation",
        "dead_experts",
    }
    assert (entries["dead_experts"]["value"], entries["unrouted_share"]["value"]) == (4, 1)
    assert entries["expert_error_rate"]["reason"] == "no expert got any test sample"


def test_what_is_measured_of_numbers_alone_is_null_with_the_reason(tiny):
    entries = compute(RunArrays.from_files(tiny))
    reasons = {entry["reason"] for name, entry in entries.items() if name not in OF_CLASSES}
    assert reasons == {"the targets are classes, not numbers"}
