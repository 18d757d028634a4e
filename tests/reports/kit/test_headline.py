"""The sentence and the numbers on top, from metrics written by hand."""

import pytest

from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.reports.kit.headline import headline, numbers, sampling_note, verdict

S = "\N{NO-BREAK SPACE}"
SIZES = {"experts": 5, "classes": 10}


def metrics(**values):
    units = {"test_error_rate": "fraction", "top_expert_share": "fraction", "unrouted_share": "fraction"}
    full = {
        "test_error_rate": 0.0311,
        "mutual_information_expert_label_bits": 1.9269,
        "dead_experts": 0,
        "collapsed": 0,
        "top_expert_share": 0.3,
        "unrouted_share": 0.0,
        **values,
    }
    return {
        name: {"value": value, "unit": units.get(name, "bits" if name.endswith("bits") else "count")}
        | ({"reason": "because"} if value is None else {})
        for name, value in full.items()
    }


def test_a_healthy_run():
    # log2 min(5, 10) = 2.32
    told = f"the choice of expert tells 1.93 of at most 2.32{S}bits about the class."
    assert verdict(metrics(), **SIZES) == f"5 experts, all used; test error 3.1{S}%; {told}"


def test_dead_experts_are_counted():
    assert verdict(metrics(dead_experts=2), **SIZES).startswith("5 experts, 2 of them never the first choice;")


def test_an_expert_with_four_of_ten_thousand_samples_is_not_said_to_be_used():
    loads = [0.4, 0.2996, 0.3, 0.0004, 0.0]
    least = f"(the least has 0.04{S}% of the test samples, where an even share is 20{S}%)"
    said = verdict(metrics(load_share=loads, dead_experts=1), **SIZES)
    # the least of all has none
    this = least.replace("the least", "this one")
    assert said.startswith(f"5 experts, 1 of them never the first choice and 1 hardly used {this};")
    two = verdict(metrics(load_share=[0.5, 0.4986, 0.001, 0.0004, 0.0], dead_experts=1), **SIZES)
    assert "and 2 hardly used (the least of these has 0.04" in two
    said = verdict(metrics(load_share=[0.4, 0.2, 0.2, 0.1996, 0.0004]), **SIZES)
    assert said.startswith(f"5 experts, 1 of them hardly used {least};")
    # a tenth of an even share is 2 %
    assert verdict(metrics(load_share=[0.4, 0.2, 0.2, 0.18, 0.02]), **SIZES).startswith("5 experts, all used;")


def test_who_classifies_and_what_is_never_answered():
    said = verdict(metrics(expert_answer_information_bits=0.8812, classes_never_answered=4), **SIZES)
    assert f"test error 3.1{S}%, 4 classes never predicted;" in said
    assert said.endswith(f"about the class, and that expert's own answer 0.88{S}bits more.")
    assert "1 class never predicted" in verdict(metrics(classes_never_answered=1), **SIZES)


def test_the_bound_is_of_the_classes_that_are_tested():
    assert f"1.93 of at most 2.00{S}bits" in verdict(metrics(), experts=5, classes=10, tested=4)
    found = {number.name: number for number in headline(metrics(), experts=5, classes=10, tested=4)}
    assert found["mutual_information_expert_label_bits"].bounds == f"0 to 2{S}bits"


def test_a_collapse_comes_first():
    said = verdict(metrics(collapsed=1, top_expert_share=0.992, dead_experts=3), **SIZES)
    assert said.startswith(f"Collapsed: one of 5 experts has 99.2{S}% of the test samples;")


def test_no_information_is_told_in_words():
    assert "tells nothing about the class" in verdict(metrics(mutual_information_expert_label_bits=0.0), **SIZES)


def test_one_expert_is_not_said_to_specialize():
    said = verdict(metrics(mutual_information_expert_label_bits=0.0), experts=1, classes=10)
    assert said == f"One expert, so there is nothing to route; test error 3.1{S}%."


def test_unrouted_samples_are_told():
    assert f"3.0{S}% of the test samples reach no expert" in verdict(metrics(unrouted_share=0.03), **SIZES)


@pytest.mark.parametrize("name", ["test_error_rate", "mutual_information_expert_label_bits", "dead_experts"])
def test_what_is_null_is_told_with_its_reason(name):
    said = verdict(metrics(**{name: None}), **SIZES)
    assert "(because)" in said
    assert "None" not in said


def test_a_metric_carries_unit_bounds_and_direction():
    found = {number.name: number for number in headline(metrics(), **SIZES)}
    error = found["test_error_rate"]
    assert (error.text, error.bounds, error.better) == (f"3.1{S}%", f"0 to 100{S}%", "lower is better")
    information = found["mutual_information_expert_label_bits"]
    assert information.bounds == f"0 to 2.32{S}bits"
    # 1.9269 of log2 5 = 2.3219
    assert information.filled == pytest.approx(1.9269 / 2.321928, abs=1e-6)


def test_a_difference_of_rates_is_told_in_points_and_has_no_bar():
    entry = {"hardening_gap": {"value": -0.004, "unit": "fraction"}}
    (gap,) = numbers(entry, **SIZES)
    assert gap.text == f"\N{MINUS SIGN}0.4{S}points"
    assert gap.filled is None


def test_several_differences_are_told_in_points():
    entry = {"removal_own_drop": {"value": [0.5, None, -0.004], "unit": "fraction"}}
    (drop,) = numbers(entry, **SIZES)
    assert drop.text == f"+50.0, \N{EN DASH}, \N{MINUS SIGN}0.4{S}points"


def test_a_metric_of_another_version_is_shown_without_a_definition():
    (number,) = numbers({"shoe_size": {"value": 43, "unit": "count"}}, **SIZES)
    assert (number.text, number.bounds) == ("43", "unbounded")
    assert "not a metric of this version" in number.definition


def test_numbers_by_name_have_no_bar():
    entry = {"usage_entropy_bits": {"value": {"first": 1.0, "last": 2.0}, "unit": "bits"}}
    (number,) = numbers(entry, **SIZES)
    assert number.text == f"first:{S}1.00, last:{S}2.00{S}bits"
    assert number.filled is None


def test_one_expert_leaves_one_value():
    (number,) = numbers({"usage_entropy_bits": {"value": 0.0, "unit": "bits"}}, experts=1, classes=10)
    assert number.bounds == f"always 0{S}bits"
    assert number.filled is None


def test_what_one_expert_alone_cannot_have_is_left_out():
    alone = {"value": None, "unit": "bits", "reason": ONE_EXPERT}
    entries = metrics() | {"usage_entropy_bits": alone, "purity": alone | {"reason": "collapsed"}}
    names = [one.name for one in numbers(entries, experts=1, classes=10)]
    assert "usage_entropy_bits" not in names and "purity" in names and "test_error_rate" in names


def test_sampling_note():
    # sqrt(0.1 * 0.9 / 900) = 0.01
    assert f"\N{PLUS-MINUS SIGN}1.0{S}points" in sampling_note(metrics(test_error_rate=0.1), 900)
    assert "n = 1" in sampling_note(metrics(), 900)
    assert sampling_note(metrics(test_error_rate=None), 900) == ""
