import pytest

from moe_lab.metrics.traces.labelled import SAME_EVERYWHERE
from moe_lab.reports.trace.findings import findings

FIRST = "first_choice_information_per_usage"
MAIN, TOKEN, TOLD = "slot_information_per_usage", "information_given_token_per_usage", "document_accuracy"
EXPERTS = {"block0": 8, "block3": 8}
SURE = {"estimate": 0.069, "low": 0.041, "high": 0.097, "p": 0.005, "adjusted_p": 0.005, "null_mean": 0.004}
NOT = {"estimate": 0.0011, "low": 0.0, "high": 0.004, "p": 0.4, "adjusted_p": 0.6, "null_mean": 0.004}


def plain(sentences):
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in sentences]


def test_what_follows_is_said_with_its_interval_its_p_and_where_it_is_least(values_from, row):
    values = values_from(row(MAIN, "block0", 0.003, **NOT), row(MAIN, "block3", 0.073, **SURE))
    assert plain(findings(values, EXPERTS)) == [
        "Experts of layer block3 follow the label domain: I(E;domain)/H(E) = 6.9 % (4.1 to 9.7) in block3, p = 0.005 "
        "corrected over 2 values; least in block0, 0.11 %."
    ]


def test_a_layer_whose_name_says_so_is_not_called_layer_twice(values_from, row):
    known = (row(MAIN, "layer0", 0.003, **NOT), row(MAIN, "layer2", 0.073, **SURE))
    [first, *_] = findings(values_from(*known, layers=("layer0", "layer2")), {"layer0": 8, "layer2": 8})
    assert first.startswith("Experts of layer2 follow the label domain: ")


def test_the_token_and_the_documents_have_sentences_of_their_own(values_from, row):
    known = [row(MAIN, layer, 0.073, **SURE) for layer in EXPERTS]
    none = values_from(*known, *(row(TOKEN, layer, 0.02, **NOT) for layer in EXPERTS))
    assert plain(findings(none, EXPERTS))[1:] == [
        "Given the token id, no layer has information about domain beyond chance."
    ]
    told = row(TOLD, "block3", 0.9, **SURE | {"estimate": 0.9, "low": 0.8, "high": 0.96, "null_mean": 0.5})
    beyond = values_from(*known, row(TOKEN, "block3", 0.08, **SURE), told)
    assert plain(findings(beyond, EXPERTS)) == [
        "Experts of both layers follow the label domain: I(E;domain)/H(E) = 6.9 % (4.1 to 9.7) in block0, p = 0.005 "
        "corrected over 2 values; least in block0, 6.9 %.",
        "It is more than the tokens alone explain: I(E;domain | token id)/H(E) = 6.9 % (4.1 to 9.7) in block3, "
        "p = 0.005.",
        "The counts of experts in block3 predict domain of 90.0 % (80.0 to 96.0) of the documents, where chance is "
        "50.0 %.",
    ]


def test_that_nothing_follows_is_said_with_the_largest_value(values_from, row):
    values = values_from(row(MAIN, "block0", 0.003, **NOT), row(MAIN, "block3", 0.003, **NOT | {"estimate": 0.002}))
    assert plain(findings(values, EXPERTS)) == [
        "There is no evidence that experts follow domain: the largest I(E;domain)/H(E) is 0.20 % (0.00 to 0.40) in "
        "block3, p = 0.6 corrected over 2 values."
    ]


def test_first_choices_that_follow_are_told_though_all_selected_experts_do_not(values_from, row):
    rows = [row(MAIN, layer, 0.003, **NOT) for layer in EXPERTS]
    rows += [row(FIRST, "block0", 0.073, **SURE), row(FIRST, "block3", 0.004, **NOT)]
    assert plain(findings(values_from(*rows), EXPERTS)) == [
        "First choices of layer block0 follow the label domain: I(E;domain)/H(E) of first choices = 6.9 % "
        "(4.1 to 9.7) in block0, p = 0.005 corrected over 2 values; least in block3, 0.11 %.",
        "Over all selected experts there is no evidence of this: the largest I(E;domain)/H(E) is 0.11 % (0.00 to 0.40) "
        "in block0, p = 0.6 corrected over 2 values.",
    ]
    nothing = [row(MAIN, "block0", 0.003, **NOT), row(FIRST, "block0", 0.004, **NOT)]
    assert (
        "the largest I(E;domain)/H(E) over all selected experts is 0.11" in findings(values_from(*nothing), EXPERTS)[0]
    )


def test_where_all_experts_are_selected_first_choices_are_told(values_from, row):
    """Slots say nothing then: every row has all experts, whatever its label."""
    rows = [row(name, layer, 0.0, **NOT) for name in (MAIN, TOKEN) for layer in EXPERTS]
    rows += [row(FIRST, layer, 0.073, **SURE) for layer in EXPERTS]
    assert plain(findings(values_from(*rows, all_selected=True), EXPERTS)) == [
        "Experts of both layers follow the label domain: I(E;domain)/H(E) of first choices = 6.9 % (4.1 to 9.7) in "
        "block0, p = 0.005 corrected over 2 values; least in block0, 6.9 %.",
        "Every row selects all experts; its first choice is the one with the largest weight.",
    ]


def test_without_a_test_nothing_is_claimed_however_large_the_value(values_from, row):
    why = "too few documents: 3 allow no p below 0.33"
    values = values_from(*(row(MAIN, layer, 0.9, notes=why, estimate=0.9) for layer in EXPERTS))
    assert findings(values, EXPERTS) == [f"Whether experts follow domain cannot be tested: {why}."]


def test_what_has_no_null_is_told_with_its_value(values_from, row):
    found = {"low": 0.3, "high": 0.5, "notes": SAME_EVERYWHERE}
    values = values_from(
        row(MAIN, "block0", 0.41, estimate=0.4, **found), row(MAIN, "block3", 0.2, notes=SAME_EVERYWHERE)
    )
    [said] = plain(findings(values, EXPERTS))
    assert said == (
        f"Whether experts follow domain cannot be tested: {SAME_EVERYWHERE}. I(E;domain)/H(E) is 40.0 % (30.0 to 50.0) "
        "in block0."
    )


def test_what_cannot_be_measured_says_why(values_from, row):
    values = values_from(*(row(MAIN, layer, None, notes="every row is labelled code") for layer in EXPERTS))
    assert findings(values, EXPERTS) == [
        "Whether experts follow domain cannot be measured: every row is labelled code."
    ]


def test_the_surest_label_stands_first(values_from, row):
    rows = [
        row(MAIN, layer, 0.9, label=label, **facts)
        for label, facts in (("big", NOT | {"estimate": 0.5}), ("small", SURE))
        for layer in EXPERTS
    ]
    first, second = findings(values_from(*rows, labels=("big", "small")), EXPERTS)
    assert "follow the label small" in first and second.startswith("There is no evidence that experts follow big")


@pytest.mark.parametrize(
    ("dead", "end"),
    [(0.0, "every expert is selected by some row."), (3.0, "3 of 8 experts in block3 are never selected.")],
)
def test_usage_without_labels(values_from, row, dead, end):
    rows = [row("slot_max_violation_global", layer, 0.5, label="", unit="ratio") for layer in EXPERTS]
    rows += [row("never_selected_experts", "block3", dead, label="", unit="count")]
    assert findings(values_from(*rows, labels=()), EXPERTS) == [
        "The trace has no labels, so it cannot be measured what its experts follow.",
        # MaxVio .5 is 1.5 times the mean load
        f"The most used expert in block0 has 1.50 times the mean load, the most of all layers; {end}",
    ]
