import pytest

from moe_lab.errors import did_you_mean, near, shown, there_are

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
