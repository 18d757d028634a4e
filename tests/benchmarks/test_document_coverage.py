"""The simulations behind docs/traces-measures.md: what was kept, and a few of them again."""

import csv
from pathlib import Path

import pytest
from scipy import stats

from benchmarks import document_coverage
from benchmarks.document_coverage import Case, Planted, families, intervals, nulls

RESULTS = Path(document_coverage.__file__).parent / "results"


def kept(name):
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_kept_nulls_of_documents_hold_and_those_of_tokens_do_not():
    """1,000 traces: a right test calls 30 to 72 of them in all but one of 10,000 cases."""
    least, most = stats.binom.ppf([5e-5, 1 - 5e-5], 1_000, 0.05) / 10
    for row in kept("document_nulls"):
        percent = float(row["significant_percent"])
        if "token null" in row["test"]:
            assert percent > 50, row
        elif row["test"] == "at least one raw p":
            assert percent > 30, row
        else:
            # an accuracy has few values, and ties make its p larger; sequences that are cut or begun again fit worse
            cautious = "histogram" in row["test"] or ("rows" in row["test"] and "differ" in row["case"])
            assert (0 if cautious else least) <= percent <= most, row


def test_kept_intervals_hold_the_true_value():
    """From 20 documents a label on; below, and where most cells of a token id are empty, less is promised."""
    for row in kept("document_intervals"):
        sparse = row["measure"] == "I/H given the token" and "E = 64" in row["case"]
        few = row["case"].startswith("20 documents")
        assert float(row["covers_percent"]) >= (75 if sparse else 85 if few else 90), row
        if row["measure"] == "I/H" and not few:
            true, estimate = float(row["true_percent"]), float(row["estimate_mean_percent"])
            assert estimate == pytest.approx(true, abs=0.05 + 0.02 * true), row


@pytest.mark.slow
def test_meaningless_labels_are_significant_as_rarely_as_promised():
    """120 traces of 5 %: at most 15 in all but one of 1,000 cases; the token null is wrong with huge margin."""
    most = stats.binom.ppf(0.999, 120, 0.05) / 1.2
    found = {row["test"]: row["significant_percent"] for row in nulls(120, (Case(documents=40, length=50, vary=True),))}
    assert found["label of documents"] <= most
    assert found["label of documents, given the token"] <= most
    assert found["label of documents, told by the histogram"] <= most
    assert found["label of rows"] <= most
    assert found["label of documents, token null"] > 80


@pytest.mark.slow
def test_a_family_is_corrected():
    found = {row["test"]: row["significant_percent"] for row in families(40, members=8)}
    # 40 families at 5 %: at most 8 in all but one of 1,000 cases; raw at 1 - .95^8 = 34 %
    assert found["at least one adjusted p"] <= 100 * stats.binom.ppf(0.999, 40, 0.05) / 40
    assert found["at least one raw p"] > found["at least one adjusted p"]


@pytest.mark.slow
def test_planted_information_is_recovered_within_its_interval():
    """80 traces: fewer than 68 intervals that hold it come in one of 1,000 cases, if 95 % do."""
    least = 100 * stats.binom.ppf(0.001, 80, 0.95) / 80
    for row in intervals(80, (Planted(documents=80, experts=8, spread=0.3),)):
        assert row["covers_percent"] >= least, row
