"""A study's lines: what was measured beside what was published, and the verdicts."""

from dataclasses import replace

import pytest

from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.page import as_markdown
from moe_lab.sweeps.studies.study import (
    Parts,
    open_study,
    published_settings,
    reported,
)
from moe_lab.sweeps.studies.table import Tables, effects, levels, remarks, shown
from moe_lab.sweeps.studies.verdicts import tally


@pytest.fixture
def measured(own, fake_run):
    """plain .8 and .6 with H_u 2 and 2, balanced .5 and .4 (training .2 and .1) with H_u 2.1 and 2.3."""
    asked = open_study("tiny", [], own)
    trials = reported(asked, published_settings(asked), Parts(own))
    found = [fake_run(0.8, 2.0), fake_run(0.6, 2.0), fake_run(0.5, 2.1, train=0.2), fake_run(0.4, 2.3, train=0.1)]
    return asked, Measured(trials, {trial.job.name: run for trial, run in zip(trials, found, strict=True)})


def test_verdicts_on_levels(measured):
    lines = {(line["arm"], line["name"]): line for line in levels(*measured)}
    plain = lines["plain", "test_error_rate"]
    assert (plain["mean"], plain["n"], plain["published_mean"]) == (pytest.approx(0.7), 2, 0.9)
    # ours .7 with sd .141, n 2: the interval is wide and contains their .9. With n = 4 it would reach .210 to both
    # sides, with n = 5 .173
    assert (plain["verdict"], plain["runs_needed"]) == ("inconclusive", 5)
    rows = shown(list(lines.values()))
    assert rows[0] == {
        "arm": "plain",
        "metric": "test error",
        "published": "0.9000 ± 0.1000 (10)",
        "measured": "0.7000 ± 0.1414 (2)",
        "verdict": "inconclusive: 5 runs would do",
    }
    assert rows[1]["arm"] == ""
    # both of ours are 2 bits, theirs .1 with hardly any spread
    assert lines["plain", "usage_entropy_bits"]["verdict"] == "different"
    # a best of two needs 8 * 2 runs of ours
    assert rows[2]["verdict"] == "inconclusive: 16 runs would do"
    assert lines["balanced", "usage_entropy_bits"]["reason"] == "nothing was published"
    assert remarks(list(lines.values())) == [
        "not comparable: nothing was published (balanced)",
    ]
    assert (
        tally(list(lines.values())) == "Of 3 published numbers that can be compared 1 is different, 2 are inconclusive."
    )
    # the interval of H_u stays within 0 and log2 of an unknown number of experts, that of the error within 0 and 1
    assert 0 < plain["low"] < 0.7 < plain["high"] < 1


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"holds": 2, "reversed": 1}, "Of 3 numbers 2 hold, 1 is reversed."),
        ({"holds": 1, "reversed": 2, "inconclusive": 3}, "Of 6 numbers 1 holds, 2 are reversed, 3 inconclusive."),
        ({"inconclusive": 16, "equivalent": 17, "not asked": 5}, "Of 33 numbers 17 are equivalent, 16 inconclusive."),
        ({"equivalent": 1, "different": 3}, "Of 4 numbers 1 is equivalent, 3 are different."),
        ({"equivalent": 1, "not asked": 2}, "The one number is equivalent."),
        ({"holds": 1}, "The one number holds."),
        ({"not comparable": 4}, ""),
    ],
)
def test_a_tally_is_a_sentence(counts, told):
    assert tally([{"verdict": verdict} for verdict, n in counts.items() for _ in range(n)], "number", "") == told


def test_a_metric_that_is_undefined_for_some_seeds_is_not_compared(own, fake_run):
    asked = open_study("tiny", [], own)
    trials = reported(asked, published_settings(asked), Parts(own))
    found = [fake_run(0.8, 2.0), fake_run(0.6, 2.0), fake_run(0.5, 2.1), fake_run(0.4, None)]
    both = Measured(trials, {trial.job.name: run for trial, run in zip(trials, found, strict=True)})
    assert shown(levels(asked, both))[3]["measured"] == "2.100 (1 of 2 defined)"
    # with one seed left there is no line of the difference
    assert [line["name"] for line in effects(asked, both)] == ["test_error_rate"]
    more = replace(asked, seeds=3)
    trials = reported(more, published_settings(more), Parts(own))
    pairs = [(0.8, 2.0), (0.6, 2.0), (0.7, 2.0), (0.5, 2.1), (0.4, None), (0.4, 2.2)]
    found = [fake_run(*pair) for pair in pairs]
    three = Measured(trials, {trial.job.name: run for trial, run in zip(trials, found, strict=True)})
    usage = effects(more, three)[1]
    assert (usage["verdict"], usage["reason"], usage["mean"]) == ("not comparable", "2 of 3 defined (balanced)", None)
    assert shown([usage])[0]["measured"] == "2 of 3 defined (balanced)"


def test_a_page_of_errors_without_a_dense_network_says_what_adds_it(measured, own, tiny, fake_run):
    asked, both = measured
    missing = "A dense network of as many parameters is missing"
    page = as_markdown(asked, Tables(levels(asked, both)), "moe-lab study tiny")
    assert (
        f"{missing}, so" in page and "An arm with the word baseline=dense\\_total in the study's file adds it." in page
    )

    arms = {"big": asked.file.arms["plain"].model_copy(update={"words": ["baseline=dense_total"]})}
    having = replace(asked, file=asked.file.model_copy(update={"arms": asked.file.arms | arms}))
    page = as_markdown(having, Tables(levels(having, both)), "moe-lab study tiny")
    assert "It is the arm big, of which no run has finished: the command above adds it." in page
    trials = [replace(trial, arm="big") for trial in reported(asked, published_settings(asked), Parts(own))[:1]]
    run = Measured(trials, {trials[0].job.name: fake_run(0.3, None)})
    assert missing not in as_markdown(having, Tables(levels(having, run)), "moe-lab study tiny")

    # a study that compares no errors needs none
    other = replace(asked, file=asked.file.model_copy(update={"metrics": {"usage_entropy_bits": "H_u"}}))
    assert missing not in as_markdown(other, Tables(levels(other, both)), "moe-lab study tiny")


def test_printed_differences_without_a_spread_have_a_direction(own, tiny, fake_run):
    """Six seeds fall by .1 on each: one direction is asked about, p = 2 / 2^6; of the usage none was printed."""
    text = tiny.replace("test_error_rate: [0.9, 0.1]", "test_error_rate: [0.9, null]")
    printed = "balanced: {mean: {test_error_rate: [0.8, null]}, n: 2}"
    text = text.replace("balanced: {best: {test_error_rate: 0.5}, of: 2}", printed)
    (own / "study" / "directions.yaml").write_text(text)
    asked = replace(open_study("directions", [], own), seeds=6)
    trials = reported(asked, published_settings(asked), Parts(own))
    runs = [fake_run(0.5 + 0.01 * trial.seed - 0.1 * (trial.arm == "balanced"), 2.0) for trial in trials]
    error, usage = effects(asked, Measured(trials, {t.job.name: run for t, run in zip(trials, runs, strict=True)}))
    assert (error["verdict"], error["reason"]) == ("holds", "the same sign (p = 0.031)")
    assert (error["low"], error["high"]) == pytest.approx((-0.1, -0.1))
    assert usage["verdict"] == "not comparable"


def test_effects_are_paired_by_seed(measured):
    error, usage, *_ = effects(*measured)
    # of two seeds there is no interval, and both are shown
    assert shown([error])[0]["measured"] == "-0.2500 (2: -0.3000, -0.2000; interval needs 6 seeds)"
    assert error["mean"] == pytest.approx(((0.5 - 0.8) + (0.4 - 0.6)) / 2)
    assert usage["mean"] == pytest.approx(0.2)
    assert error["verdict"] == "not comparable"


@pytest.mark.parametrize(
    "size, reason", [("small", "not as published: trainer.lr=0.1"), ("large", "nothing was published")]
)
def test_a_users_words_make_another_study(own, fake_run, size, reason):
    asked = open_study("tiny", [f"size={size}", "trainer.lr=0.1"], own)
    assert asked.extra == ("trainer.lr=0.1",) and asked.notes == (["takes longer"] if size == "large" else [])
    trials = reported(asked, published_settings(asked), Parts(own))
    line = levels(asked, Measured(trials, {trial.job.name: fake_run(0.5, 1.0) for trial in trials}))[0]
    assert (line["verdict"], line["reason"]) == ("not comparable", reason)


def test_a_page_names_the_protocol_where_settings_are_chosen_or_printed(measured):
    asked, both = measured
    tables = Tables(levels(asked, both))
    assert "protocol=paper, grid=published." in as_markdown(asked, tables, "moe-lab study tiny")
    assert "protocol=fair." in as_markdown(replace(asked, protocol="fair"), tables, "moe-lab study tiny")
    arms = {name: arm.model_copy(update={"settings": {}}) for name, arm in asked.file.arms.items()}
    single = replace(asked, file=asked.file.model_copy(update={"arms": arms}))
    page = as_markdown(single, tables, "moe-lab study tiny")
    assert "protocol=" not in page and "grid=" not in page
