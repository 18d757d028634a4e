"""Claims: published results as small studies whose predictions are written down before their runs."""

import json
import re
from dataclasses import replace

import pytest

from moe_lab.errors import ConfigError
from moe_lab.statistics import sign_flip_interval
from moe_lab.sweeps.studies.claims import Claim, Prediction, claim_names, read_claim
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.page import as_markdown
from moe_lab.sweeps.studies.predictions import predicted, shown_predictions, verdict_text, verdicts
from moe_lab.sweeps.studies.study import Parts, open_study, plan_of, published_settings, reported
from moe_lab.sweeps.studies.table import Tables
from moe_lab.sweeps.studies.write import write_again, write_study

BENCH = """
# Two claims.
title: Claims
seeds: 10
first_seed: 100
quick: {seeds: 2}
datasets:
  digits: {words: [dataset=digits, trainer.limit_batches=2]}
  toy: {words: [dataset=toy_circles]}
claims:
  even:
    title: Importance
    claim: The importance loss evens out.
    source: nobody 2026
    formula: w CV^2.
    reported: more even.
    caution: digits are small.
    datasets: [digits]
    against: plain
    metrics: {test_error_rate: test error, usage_entropy_bits: H_u}
    predictions:
      - {arm: balanced, metric: usage_entropy_bits, expect: higher, margin: 0.1}
      - {arm: balanced, metric: test_error_rate, expect: equal, margin: 0.05}
      - {arm: plain, metric: test_error_rate, expect: lower, than: 0.4, margin: 0.01}
    arms:
      plain: {words: [gate=softmax]}
      balanced: {words: [gate=softmax, "regularizer=[importance]"]}
  other:
    title: Another
    claim: None.
    source: nobody 2026
    formula: none.
    reported: nothing.
    caution: everything.
    against: plain
    metrics: {test_error_rate: test error}
    predictions: [{arm: plain, metric: test_error_rate, expect: lower, than: 0.5, margin: 0.1}]
    arms: {plain: {words: [gate=softmax]}}
"""


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "bench.yaml").write_text(BENCH)
    return tmp_path


def refused(bench, text: str, words: list[str]) -> str:
    (bench / "study" / "bench.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        open_study("bench", words, bench)
    return str(error.value)


def test_a_claim_is_a_study_with_the_seeds_and_data_sets_of_its_bench(bench):
    assert claim_names("bench", bench) == ["even", "other"] and claim_names("seeds") == []
    study = open_study("bench", ["claim=even"], bench)
    assert study.choices == {"claim": "even", "dataset": "digits"} and study.folder_name == "bench-even"
    assert list(study.numbered_seeds) == list(range(100, 110))
    assert list(open_study("bench", ["claim=even"], bench, quick=True).numbered_seeds) == [100, 101]
    [trial, *_] = trials = reported(study, published_settings(study), Parts(bench))
    assert len(trials) == len(plan_of(trials, []).jobs) == 20 and trial.seed == 100
    assert trial.job.job.config["dataset"]["_target_"].endswith("Digits")
    # the first of a claim that names none is the bench's first
    assert open_study("bench", ["claim=other"], bench).choices["dataset"] == "digits"
    assert open_study("bench", ["claim=other", "dataset=toy"], bench).folder_name == "bench-other-toy"


def test_what_is_wrong_in_a_claim_or_its_words_is_named(bench):
    assert "has several claims: choose one with claim=NAME. There are: even, other" in refused(bench, BENCH, [])
    assert "claim=evn: study bench has no such claim. Did you mean even?" in refused(bench, BENCH, ["claim=evn"])
    words = ["claim=even"]
    unknown = refused(bench, BENCH.replace("{arm: balanced, metric: usage", "{arm: balancd, metric: usage"), words)
    assert "even: predictions: 'balancd' is none of plain, balanced" in unknown
    metric = refused(bench, BENCH.replace("metric: usage_entropy_bits", "metric: load_cv"), words)
    assert "even: predictions: 'load_cv' is none of test_error_rate, usage_entropy_bits" in metric
    assert "datasets: no 'mnist'" in refused(bench, BENCH.replace("datasets: [digits]", "datasets: [mnist]"), words)
    assert "formula: must be given" in refused(bench, BENCH.replace("    formula: w CV^2.\n", ""), words)


def prediction(expect: str, margin: float) -> Prediction:
    return Prediction.model_validate({"arm": "a", "metric": "m", "expect": expect, "margin": margin})


def test_verdicts_by_hand():
    """Ten differences of +1: of 2^10 sign patterns two reach their sum, p = 2 / 1024; the one-sided tests of a margin
    of 2 have p = 1 / 1024 each."""
    ones = [1.0] * 10
    found = {
        (expect, margin): verdicts([prediction(expect, margin)], [ones])[0]
        for expect in ("higher", "lower", "equal")
        for margin in (0.5, 2.0)
    }
    assert {place: one.word for place, one in found.items()} == {
        ("higher", 0.5): "holds",
        ("lower", 0.5): "reversed",
        ("equal", 0.5): "different",
        ("higher", 2.0): "negligible",
        ("lower", 2.0): "negligible",
        ("equal", 2.0): "holds",
    }
    assert found["higher", 0.5].p == pytest.approx(2 / 1024) and found["equal", 2.0].p == pytest.approx(1 / 1024)


def test_all_predictions_of_a_claim_are_one_family():
    """Holm over two: the smaller p is doubled. Six seeds reach 2 / 2^6 = .031 alone, and not with two."""
    two = [prediction("higher", 0.5), prediction("higher", 0.5)]
    first, second = verdicts(two, [[1.0] * 10, [1.0, -1.0] * 5])
    assert first.word == "holds" and first.p == pytest.approx(2 * 2 / 1024)
    assert (second.word, second.runs) == ("inconclusive", None)
    alone = verdicts(two[:1], [[1.0] * 6])[0]
    assert (alone.word, alone.p) == ("holds", pytest.approx(2 / 2**6))
    few = verdicts(two, [[1.0] * 6, [1.0, -1.0] * 3])[0]
    assert (few.word, few.runs) == ("inconclusive", 7)
    # one without a run is not judged, and the other is corrected for it all the same
    missing, there = verdicts(two, [[], [1.0] * 10])
    assert missing.word == "not comparable" and there.p == pytest.approx(2 * 2 / 1024)


@pytest.fixture
def measured(bench, fake_run):
    """The error of ``plain`` is .30 or .32, ``balanced`` has .01 more; its usage entropy is one bit higher."""
    study = open_study("bench", ["claim=even"], bench)
    trials = reported(study, published_settings(study), Parts(bench))
    runs = {}
    for trial in trials:
        more = trial.arm == "balanced"
        runs[trial.job.name] = fake_run(0.3 + 0.02 * (trial.seed % 2) + 0.01 * more, 1.0 + more)
    return study, Measured(trials, runs)


def test_predictions_are_differences_on_the_same_seeds_or_to_a_number(measured):
    study, values = measured
    usage, error, level = predicted(study, values)
    assert (usage["mean"], usage["n"], usage["verdict"]) == (pytest.approx(1.0), 10, "holds")
    assert (error["mean"], error["verdict"], error["than"]) == (pytest.approx(0.01), "holds", "plain")
    assert (level["mean"], level["verdict"], level["than"]) == (pytest.approx(-0.09), "holds", 0.4)
    assert (level["low"], level["high"]) == pytest.approx(sign_flip_interval([-0.1, -0.08] * 5))
    assert shown_predictions([usage])[0] == {
        "arm": "balanced",
        "metric": "H_u",
        "predicted": "higher than plain (margin 0.1)",
        "measured": "+1.000 [+1.000, +1.000] (10)",
        "verdict": "holds, p = 0.0059",
    }


def test_a_metric_that_some_runs_lack_is_not_judged(measured, fake_run):
    study, _ = measured
    trials = reported(study, published_settings(study))
    runs = {one.job.name: fake_run(0.3, None if one.seed == 100 else 1.0) for one in trials}
    usage, error, _ = predicted(study, Measured(trials, runs))
    assert (usage["verdict"], usage["mean"]) == ("not comparable", None)
    assert error["verdict"] == "holds"
    assert verdict_text(error | {"runs_needed": 7}) == "holds: needs 7 seeds"
    assert shown_predictions([usage])[0]["measured"] == "not measured"


def test_the_page_and_the_files_have_the_predictions(measured, bench, tmp_path, monkeypatch):
    study, values = measured
    folder = tmp_path / "kept"
    folder.mkdir()
    tables = write_study(folder, study, values, "moe-lab study bench claim=even")
    page = (folder / "study.md").read_text()
    assert "Claim: The importance loss evens out. Reported: more even." in page
    assert "## Predictions" in page and "higher than plain" in page and "+1.000" in page
    assert "predictions were written down before these runs" in " ".join(page.split())
    facts = json.loads((folder / "study.json").read_text())
    assert [one["verdict"] for one in facts["predictions"]] == [one["verdict"] for one in tables.predictions]
    # other studies have no such section
    assert "## Predictions" not in as_markdown(open_study("seeds", []), Tables(tables.levels), "moe-lab study seeds")


def test_every_claim_that_comes_with_moe_lab_is_planned():
    for name in claim_names("claims"):
        claim = read_claim("claims", name)
        assert isinstance(claim, Claim) and claim.source and claim.caution
        study = replace(open_study("claims", [f"claim={name}"]), seeds=1)
        assert {trial.arm for trial in reported(study, published_settings(study))} == set(claim.arms), name


def test_a_kept_claim_is_written_again_without_its_runs(tmp_path, fake_run):
    name = claim_names("claims")[0]
    study = open_study("claims", [f"claim={name}"])
    trials = reported(study, published_settings(study))
    values = Measured(trials, {})
    write_study(tmp_path, study, values, "moe-lab study claims")
    before = (tmp_path / "study.json").read_text()
    (tmp_path / "study.md").unlink()
    (tmp_path / "study-runs.csv").write_text("arm,setting,seed,name,value\n")
    write_again(tmp_path)
    assert (tmp_path / "study.md").exists() and json.loads((tmp_path / "study.json").read_text()) == json.loads(before)


def test_without_a_claim_every_one_is_run(cli, bench):
    own = ["--config-dir", str(bench)]
    result = cli("study", "bench", "--dry-run", *own)
    assert result.code == 0 and result.out.count("nothing has been written") == 2
    refused = cli("study", "bench", "--name", "mine", *own)
    assert refused.code == 2 and "choose one with claim=NAME" in refused.err


def test_the_predictions_of_several_claims_stand_in_one_table(cli, bench):
    words = ["--quick", "launcher=serial", "trainer.epochs=1", "trainer.limit_batches=1", "--config-dir", str(bench)]
    result = cli("study", "bench", *words)
    assert result.code == 0
    overview = result.out.partition("all predictions")[2]
    assert re.search(r"even +balanced", overview) and re.search(r"other +plain", overview)
