"""What docs/studies/routers.md says of its three studies, of twelve runs an arm each."""

import csv
import json

import pytest

from docs.tables import DOCS

KEPT = DOCS / "studies" / "routers"
#: arms whose error differs for sure, and by how many points, as the page rounds them
SURE = {
    "two": {"sinkhorn": 7.0, "sinkhorn + importance": 7.3},
    "one": {
        "sinkhorn": 12.6,
        "sinkhorn + importance": 20.3,
        "base": 11.3,
        "expert_choice": 6.0,
        "noisy_top_k": 1.3,
    },
    "any": {"soft_moe": 3.0},
}
#: in how many of twelve runs I(E;Y)/H(load) is defined, where not in all
DEFINED = {
    "two": {"sigmoid": 11, "sinkhorn": 11, "sinkhorn + importance": 11, "expert_loss": 11},
    "one": {
        "switch": 7,
        "switch + importance": 11,
        "noisy_top_k": 4,
        "sigmoid": 3,
        "sinkhorn": 11,
        "sinkhorn + importance": 10,
        "gumbel": 11,
        "stochastic": 10,
        "expert_loss": 10,
    },
}


def differences(active):
    facts = json.loads((KEPT / active / "study.json").read_text())
    return [line for line in facts["differences"] if line["name"] == "test_error_rate"]


def values(active, name):
    """arm -> the values of a metric, None where it is undefined."""
    with (KEPT / active / "study-runs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == name]
    return {
        arm: [float(row["value"]) if row["value"] else None for row in rows if row["arm"] == arm]
        for arm in dict.fromkeys(row["arm"] for row in rows)
    }


def means(active, name):
    return {arm: sum(found) / len(found) for arm, found in values(active, name).items() if None not in found}


@pytest.mark.parametrize("active", SURE)
def test_the_differences_that_are_sure(active):
    sure = {line["arm"]: line for line in differences(active) if line["verdict"] == "different"}
    assert {arm: round(100 * line["mean"], 1) for arm, line in sure.items()} == SURE[active]
    assert {line["verdict"] for line in differences(active)} == {"different", "inconclusive"}


def test_how_many_there_are():
    lines = [line for active in SURE for line in differences(active)]
    assert len(lines) == 55 and sum(line["verdict"] == "different" for line in lines) == 8


def test_which_gates_collapse_in_some_runs():
    found = {
        active: {arm: sum(one is not None for one in of) for arm, of in values(active, "information_per_usage").items()}
        for active in DEFINED
    }
    for active, defined in DEFINED.items():
        assert {arm: count for arm, count in found[active].items() if count < 12} == defined
    assert sum("importance" not in arm for arm in DEFINED["one"]) == 7
    one = DEFINED["one"]
    words = " ".join((DOCS / "studies" / "routers.md").read_text().split())
    several = f"{one['sigmoid']} of sigmoid, {one['stochastic']} of stochastic and expert_loss"
    assert f"in {one['switch']} of twelve runs of switch, {one['noisy_top_k']} of noisy_top_k, {several}" in words


def test_one_run_of_batch_prioritized_has_almost_all_weight_on_one_expert():
    lowest = sorted(values("two", "usage_entropy_bits")["batch_prioritized"])
    assert f"{lowest[0]:.2f}" == "0.03" and lowest[1] > 0.9
    others = [of for arm, of in values("two", "usage_entropy_bits").items() if arm != "batch_prioritized"]
    assert min(map(min, others)) > 0.5


def test_whose_experts_follow_the_class_most():
    name = "mutual_information_expert_label_bits"
    bits = {(active, arm): one for active in SURE for arm, one in means(active, name).items()}
    first = sorted(bits, key=bits.__getitem__, reverse=True)[:3]
    assert first == [
        ("one", "matching_pursuit"),
        ("any", "entmax + importance"),
        ("any", "sparsemax + importance"),
    ]
    assert [round(bits[one], 1) for one in first] == [2.0, 2.0, 1.9] and round(bits["one", "softmax"], 1) == 1.6


def test_hard_concrete_divides_a_dense_network():
    arms = ("hard_concrete", "hard_concrete + importance")
    errors = {(active, arm): one for active in SURE for arm, one in means(active, "test_error_rate").items()}
    lowest = [arm for _, arm in sorted(errors, key=errors.__getitem__)[:3]]
    assert lowest == ["hard_concrete + importance", "relu + importance", "hard_concrete"]
    assert f"{100 * errors['any', 'relu + importance']:.1f}" == "3.2"
    assert sorted(f"{100 * errors['any', arm]:.1f}" for arm in arms) == ["3.2", "3.3"]
    for arm in arms:
        # all of log2 5 bits: every sample has the five experts alike
        assert min(values("any", "sample_entropy_bits")[arm]) == pytest.approx(2.321928, abs=1e-6)
        assert set(values("any", "mutual_information_expert_label_bits")[arm]) == {0.0}


def test_five_arms_are_the_same_in_all_three_studies():
    """Networks without a gate and the soft mixture do not depend on the number of experts a sample."""
    for arm in ("single", "gate as classifier", "dense", "softmax", "softmax + importance"):
        of = [
            (json.loads((KEPT / active / "study.json").read_text())["arms"][arm]["settings"], errors)
            for active in SURE
            for errors in [values(active, "test_error_rate")[arm]]
        ]
        assert of[0] == of[1] == of[2]
