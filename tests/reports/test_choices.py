import pytest

from moe_lab.reports.choices import across, described, differing_choices, flat, lookup, main_choices

MLP = {"_target_": "moe_lab.experts.mlp.Mlp", "hidden": 32, "count": 5}
GATE = {"_target_": "x.ComposedGate", "k": None, "score": {"_target_": "x.Attentive", "hidden": 64}}


def config(**changes):
    return {"experts": MLP, "gate": GATE, "k": 5, "seed": 0, "seed_init": 0, "regularizers": {}, **changes}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (1e-3, "0.001"),
        ([], "none"),
        (["a", "b"], "a, b"),
        ({}, "none"),
        (MLP, "Mlp"),
        (GATE, "ComposedGate (score Attentive)"),
        ({"importance": {"_target_": "x.Importance", "weight": 0.2}}, "importance (weight 0.2)"),
    ],
)
def test_described(value, text):
    assert described(value) == text


def test_lookup():
    assert lookup(config(), "gate.score.hidden") == 64
    assert lookup(config(), "gate.score.hidden.more") is None


def test_flat_names_parts_by_their_class():
    leaves = flat(config())
    assert leaves["gate.score"] == "Attentive"
    assert leaves["gate.score.hidden"] == "64"
    assert leaves["regularizers"] == "none"


def test_main_choices_name_the_option_that_was_chosen():
    chosen = main_choices(config(), {"choices": {"gate": "attentive", "gate/score": "attentive", "experts": "mlp"}})
    assert chosen["gate"] == "attentive (score attentive)"
    assert chosen["expert"] == "mlp"
    assert chosen["experts (E)"] == "5"


def test_a_missing_differs_is_no_choice():
    assert differing_choices({}) == {}


def test_a_value_that_only_one_run_chose_is_looked_up_in_the_others():
    other = config(experts={**MLP, "count": 10})
    _, differing = across([(config(), {"differs": {}}), (other, {"differs": {"experts.count": 10}})])
    assert differing == {"experts.count": ["5", "10"]}


def test_a_part_that_only_one_run_chose_covers_what_is_inside_it():
    other = config(gate={**GATE, "score": {"_target_": "x.Mlp", "hidden": 64}})
    attentive = {"choices": {"gate": "attentive"}, "differs": {"gate": "attentive"}}
    _, differing = across([(config(), attentive), (other, {"choices": {"gate": "softmax"}, "differs": {}})])
    assert differing == {"gate": ["attentive", "softmax"]}


def test_regularizers_are_covered_by_the_word_that_chose_them():
    other = config(regularizers={"importance": {"_target_": "x.Importance", "weight": 0.1}})
    plain = {"choices": {"regularizer": []}, "differs": {}}
    balanced = {"choices": {"regularizer": ["importance"]}, "differs": {"regularizer": ["importance"]}}
    runs = [(config(), plain), (other, balanced)]
    assert across(runs)[1] == {"regularizer": ["none", "importance"]}


def test_seeds_that_follow_the_seed_are_not_told_twice():
    other = config(seed=1, seed_init=1)
    _, differing = across([(config(), {"differs": {}}), (other, {"differs": {"seed": 1}})])
    assert differing == {"seed": ["0", "1"]}


def test_what_no_word_explains_is_shown_all_the_same():
    same, differing = across([(config(), {}), (config(k=2), {})])
    assert differing == {"k": ["5", "2"]}
    assert "selected experts (k)" not in same
    assert same["experts (E)"] == "5"
