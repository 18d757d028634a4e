import json

import pytest

from moe_lab.errors import did_you_mean, fault_of, near, number_of, shown, there_are

KEYS = ["gate", "gate.score.hidden", "gate.temperature", "trainer.lr", "trainer.epochs", "experts.hidden", "k"]
KEYS += ["dataset", "dataset.path", "dataset.target"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gatee", "gate"),
        ("gate.temprature", "gate.temperature"),
        ("lr", "trainer.lr"),
        ("epoch", "trainer.epochs"),
        ("expert.hidden", "experts.hidden"),
        ("gate.hidden", "gate.score.hidden"),
        ("dataset.pfad", "dataset.path"),
        ("dataset.traget", "dataset.target"),
        ("zzz", None),
    ],
)
def test_what_was_probably_meant(name: str, meant: str | None) -> None:
    assert near(name, KEYS) == meant


def test_sentences() -> None:
    assert did_you_mean("gatee", KEYS) == " Did you mean gate?"
    assert did_you_mean("zzz", KEYS) == ""
    assert there_are(["b", "a"]) == " There are: a, b"
    assert there_are([]) == " There are: none"
    assert [number_of(number, "row") for number in (0, 1, 1800)] == ["0 rows", "1 row", "1,800 rows"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": [1', "it ends within a value, which begins or goes on at character 9; was the file cut short?"),
        ('{"a": "bc', "it ends within a value, which begins or goes on at character 7; was the file cut short?"),
        ('{"a": 1 2}\n', "Expecting ',' delimiter at character 9"),
        ('{\n"a" 1}', "Expecting ':' delimiter at line 2, character 5"),
    ],
)
def test_a_fault_of_json_says_where_and_whether_the_text_is_cut_short(text: str, fault: str) -> None:
    with pytest.raises(json.JSONDecodeError) as found:
        json.loads(text)
    assert fault_of(found.value) == fault


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ([1], "[1]"),
        ("a\n b", "a b"),
        ("1.5", '"1.5"'),
        ("null", '"null"'),
    ],
)
def test_values_are_shown_as_they_are_typed(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 100) == "x" * 57 + "..."
