"""A study of which nothing was published: every arm against one, in a declared family."""

from dataclasses import replace

import pytest

from moe_lab.sweeps.studies.family import family_of, own_verdicts
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.page import as_markdown, notes
from moe_lab.sweeps.studies.study import Parts, open_study, reported
from moe_lab.sweeps.studies.table import Tables, effects, levels, shown


@pytest.fixture
def asked(own, tiny):
    """Three arms over eight seeds, half a bit of usage being the margin; nothing was published."""
    text = tiny.partition("published:")[0].replace("usage_entropy_bits: 0.1", "usage_entropy_bits: 0.5")
    (own / "study" / "own.yaml").write_text(text)
    yield replace(open_study("own", [], own), seeds=8)
    (own / "study" / "own.yaml").unlink()


def test_the_family_is_every_arm_in_the_metrics_with_a_margin(asked):
    assert family_of(asked) == [("balanced", "usage_entropy_bits"), ("pupil", "usage_entropy_bits")]
    assert family_of(open_study("krishnamurthy2023", [])) == []


def test_verdicts_are_corrected_over_the_family(asked):
    """Eight differences of one sign have p = 2 / 2^8 = .0078, twice that by Holm over two. Eight that are all at most
    .1 lie within .5: each one-sided p is 1 / 2^8."""
    balanced, pupil = family_of(asked)
    found = own_verdicts(asked, {balanced: [1.0] * 8, pupil: [0.1, -0.1] * 4})
    assert (found[balanced].word, found[balanced].p) == ("different", pytest.approx(2 * 2 / 2**8))
    assert (found[pupil].word, found[pupil].p) == ("equivalent", pytest.approx(2 / 2**8))
    # a comparison without runs still counts
    alone = own_verdicts(asked, {balanced: [1.0] * 8})
    assert list(alone) == [balanced] and alone[balanced].p == pytest.approx(2 * 2 / 2**8)
    # noise wider than the margin
    wide = own_verdicts(asked, {balanced: [2.0, -2.0] * 4})[balanced]
    assert (wide.word, wide.runs, wide.p) == ("inconclusive", None, 1.0)
    # two comparisons need 7 seeds: 2 * 2 / 2^7 = .031
    few = own_verdicts(asked, {balanced: [1.0] * 6})[balanced]
    assert (few.word, few.runs) == ("inconclusive", 7)


def test_the_page_has_no_column_of_what_was_published(asked, own, fake_run):
    trials = reported(asked, {"plain": [()], "balanced": [("regularizers.importance.weight=0.2",)]}, Parts(own))
    runs = [fake_run(0.5, 1.0 + (trial.arm == "balanced")) for trial in trials]
    measured = Measured(trials, {trial.job.name: run for trial, run in zip(trials, runs, strict=True)})
    lines, differences = levels(asked, measured), effects(asked, measured)
    assert shown(lines)[0] == {"arm": "plain", "metric": "test error", "measured": "0.5000 ± 0.0000 (8)"}
    # the error has no margin
    assert [row["verdict"] for row in shown(differences)] == ["", "different, p = 0.016"]
    assert notes(differences) == ["The one difference with a margin is different."]
    page = " ".join(as_markdown(asked, Tables(lines, differences), "moe-lab study own").split())
    assert "## Measured" in page and "ublished" not in page
    assert "| balanced | regularizers.importance.weight=0.2 |" in page
    assert "Verdicts are of the 2 differences with a margin that the study's file sets: H\\_u 0.5." in page
