"""The page on the paper's tables says what its four kept studies give."""

import csv

import pytest

from docs.tables import DOCS
from moe_lab.statistics import difference_summary
from tests.docs.said_krishnamurthy2023 import (
    DENSE,
    GATE,
    MIXTURES,
    MNIST,
    OWN,
    PAGE,
    SETTINGS,
    SURE,
    TAUGHT_I,
    TAUGHT_S,
    USE,
    clothes,
    clothes_fair,
    facts,
    fair,
    printed,
)
from tests.docs.said_of_fashion_mnist import FASHION, selected
from tests.docs.sentences import ERROR, Said, prose, uncarried

SAID = [*MNIST, *FASHION]


@pytest.mark.parametrize("said", SAID, ids=[one.words[:40] for one in SAID])
def test_a_sentence_has_the_numbers_of_the_kept_runs(said):
    assert said.text in prose(PAGE)


def test_no_other_number_is_said():
    """A new one belongs to a sentence above."""
    words = prose(PAGE)
    fixed = [Said(one, ()) for one in SETTINGS]
    assert [one.words for one in fixed if one.words not in words] == []
    assert uncarried(PAGE, [*SAID, *fixed]) == []


def test_how_many_published_means_are_equivalent():
    lines = [one for one in facts("mnist-published")["levels"] if one["published_mean"] is not None]
    margins = {ERROR: 0.005, OWN: 0.25, USE: 0.1}
    counts = {name: [one["verdict"] for one in lines if one["name"] == name] for name in (*margins, SURE)}
    assert {name: (words.count("equivalent"), len(words)) for name, words in counts.items()} == {
        ERROR: (4, 9), OWN: (6, 8), USE: (6, 8), SURE: (0, 8),
    }  # fmt: skip
    assert {one["verdict"] for one in lines} == {"equivalent", "inconclusive"}
    words = prose(PAGE)
    assert "Of 33 published means 16 are equivalent to ours, none is different, and 17 are inconclusive." in words
    assert "four of nine errors, six of eight informations and six of eight usages" in words
    inside = {
        name: sum(
            max(abs(one["difference_low"]), abs(one["difference_high"])) < margin
            for one in lines
            if one["name"] == name
        )
        for name, margin in margins.items()
    }
    assert sum(inside.values()) == 15 and inside[ERROR] == 3
    assert "(The 95 % interval lies inside it for 15 of the 25, three of the errors.)" in words
    needed = {(one["arm"], one["name"]): one["runs_needed"] for one in lines}
    assert [needed[of] for of in ((TAUGHT_I, ERROR), (TAUGHT_S, ERROR), ("attentive", ERROR), ("attentive", OWN))] == [
        13, 15, 21, 40,
    ]  # fmt: skip
    assert "errors need 13 and 15 runs of ours, the attentive mixture's error 21 and its information 40." in words


def test_a_dense_network_has_half_the_error_and_the_gates_network_less_than_any_mixture():
    for kept in (printed, fair):
        means = {arm: float(kept.mean(arm, digits=6)) for arm in (*MIXTURES, DENSE, GATE)}
        best = min(MIXTURES, key=means.__getitem__)
        assert kept.mean(DENSE) == ".019" and 0.5 < means[DENSE] / means[best] < 0.55
        assert means[GATE] < means[best]
    assert best == TAUGHT_S


def test_a_dense_network_and_the_gates_network_have_the_lowest_errors_on_fashion_mnist():
    for kept in (clothes, clothes_fair):
        means = {arm: float(kept.mean(arm, digits=6)) for arm in (*MIXTURES, DENSE, GATE)}
        assert set(sorted(means, key=means.__getitem__)[:2]) == {DENSE, GATE}
        low, high = difference_summary(kept.pairs(DENSE, GATE)).ends
        assert low < 0 < high
    # of one mixture alone the run that is selected is not below the mean of its arm
    assert [arm for arm, below in selected.items() if below <= 0] == ["attentive"]


def test_no_arm_takes_the_largest_rate():
    largest = "trainer.lr=1e-2"
    settings = [one["settings"][0] for one in facts("mnist-fair")["arms"].values()]
    assert len(settings) == 11 and not any(largest in one for one in settings)
    with (DOCS / "studies" / "krishnamurthy2023" / "mnist-fair" / "study-tuning.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9 * 6 * 3 and {row["arm"] for row in rows if largest in row["setting"]} == {
        row["arm"] for row in rows
    }


def test_how_many_runs_are_trained():
    """Nine arms in six settings on three seeds, then eleven arms on ten. As printed, eleven arms, and the teachers of
    two of them on MNIST and of one on Fashion-MNIST, which are no arm's own runs."""
    words = prose(PAGE)
    assert 9 * 6 * 3 + 11 * 10 == 272 and words.count("272 trainings") == 3
    assert (11 + 2) * 10 == 130 and "The first line, 130 trainings" in words
    assert (11 + 1) * 10 == 120 and "120 trainings took 67 minutes" in words
