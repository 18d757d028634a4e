"""What kept studies gave the first time, and what the second time changed."""

import csv
import json

import pytest

from docs import trained_twice
from docs.trained_twice import ERROR, STUDIES, TWICE, Time, TrainedTwice, times, verdicts


@pytest.mark.parametrize("folder", TWICE)
def test_both_times_have_the_same_runs_and_the_second_has_the_kept_verdicts(folder):
    first, second = times(folder)
    assert {arm: set(of) for arm, of in first.errors.items()} == {arm: set(of) for arm, of in second.errors.items()}
    facts = json.loads((STUDIES / folder / "study.json").read_text())
    assert second.settings == {arm: one["settings"][0] for arm, one in facts["arms"].items()}
    kept = {line["arm"]: line["verdict"] for line in facts["differences"] if line["name"] == ERROR}
    assert verdicts(folder, second) == kept


def test_a_row_says_what_has_changed(monkeypatch):
    """Of three arms one has another setting and another verdict; its mean error is 2 points higher."""
    first = Time({"a": "x", "b": "x", "c": ""}, {"a": {0: 0.1}, "b": {0: 0.2, 1: 0.3}, "c": {0: 0.5}})
    second = Time({"a": "x", "b": "y", "c": ""}, {"a": {0: 0.11}, "b": {0: 0.22, 1: 0.32}, "c": {0: 0.5}})
    monkeypatch.setattr(trained_twice, "TWICE", ("here",))
    monkeypatch.setattr(trained_twice, "times", lambda folder: (first, second))
    words = {"x": {"a": "inconclusive", "b": "inconclusive"}, "y": {"a": "inconclusive", "b": "different"}}
    monkeypatch.setattr(trained_twice, "verdicts", lambda folder, time: words[time.settings["b"]])
    assert TrainedTwice("studies.md").text().splitlines()[2:] == [
        "| here | 3 | 1 | +2.0 (b) | b: inconclusive, then different |"
    ]


@pytest.mark.parametrize("folder", [folder for folder in TWICE if "mnist" not in folder])
def test_one_sample_in_three_seeds_is_a_quarter_of_a_point(folder):
    """Every validation error of the tuning is a number of samples out of 144: 1 / (3 x 144) = .0023."""
    with (STUDIES / folder / "study-tuning.csv").open(newline="") as file:
        found = [144 * float(row["validation_error_rate"]) for row in csv.DictReader(file)]
    assert found and found == pytest.approx([round(one) for one in found])


def test_how_many_chose_another_setting():
    both = [times(folder) for folder in TWICE]
    other = sum(first.settings[arm] != second.settings[arm] for first, second in both for arm in first.settings)
    assert (sum(len(first.settings) for first, _ in both), other) == (127, 25)


@pytest.mark.parametrize(
    ("folder", "others"),
    [("routers/one", 6), ("routers/two", 2), ("routers/any", 5), ("collapse", 3), ("continual", 1)],
)
def test_no_verdict_changed_where_a_page_says_so(folder, others):
    first, second = times(folder)
    assert sum(first.settings[arm] != second.settings[arm] for arm in first.settings) == others
    assert verdicts(folder, first) == verdicts(folder, second)
