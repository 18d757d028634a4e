import pytest

from moe_lab.reports.kit.choices import described, differing_choices, lookup, main_choices

MLP = {"_target_": "moe_lab.parts.experts.mlp.Mlp", "hidden": 32, "count": 5}
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
        ([[0, 1], [2]], "[0, 1], [2]"),
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


def test_main_choices_name_the_option_that_was_chosen():
    chosen = main_choices(config(), {"choices": {"gate": "attentive", "gate/score": "attentive", "experts": "mlp"}})
    assert chosen["gate"] == "attentive (score attentive)"
    assert chosen["expert"] == "mlp"
    assert chosen["experts (E)"] == "5"


def test_a_missing_differs_is_no_choice():
    assert differing_choices({}) == {}


def test_a_part_is_told_by_its_class():
    assert differing_choices({"differs": {"gate.score._target_": "x.Mlp", "k": 2}}) == {"gate.score": "Mlp", "k": "2"}
