"""Studies: a file of arms and published numbers, its plan, the choice of a fair setting, and the verdicts."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import mean
from xml.etree import ElementTree

import pytest

from moe_lab.config.compose import parse
from moe_lab.config.sources import open_sources
from moe_lab.config.words import vet
from moe_lab.errors import ConfigError
from moe_lab.metrics import METRICS
from moe_lab.sweeps.studies.file import combinations, read_study
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.study import (
    Parts,
    open_study,
    plan_of,
    published_settings,
    reported,
    taught,
    teachers,
    tuned_settings,
    tuning,
    with_teachers,
)
from moe_lab.sweeps.studies.table import effects, levels, remarks, shown
from moe_lab.sweeps.studies.verdicts import tally
from moe_lab.sweeps.studies.write import write_again

TINY = """
# Two gates on digits.
title: Two gates
source: nobody 2026
seeds: 2
against: plain
metrics: {test_error_rate: test error, usage_entropy_bits: H_u}
margins: {usage_entropy_bits: 0.1}
choices:
  size:
    small: {words: [trainer.epochs=1, trainer.limit_batches=2, dataset.validation_share=0.1]}
    large: {words: [trainer.epochs=3], note: takes longer}
arms:
  plain:
    words: [gate=softmax]
    fair: {trainer.lr: [1e-3, 1e-2]}
  balanced:
    words: [gate=softmax, "regularizer=[importance]"]
    settings: {regularizers.importance.weight: [0.1, 1.0]}
    printed: {regularizers.importance.weight: 1.0}
    fair: {regularizers.importance.weight: [0.2, 0.4]}
  pupil:
    words: [gate=softmax, recipe=distillation]
    teacher: balanced
    printed: {regularizers.importance.weight: 1.0}
fair: {words: [trainer.weight_decay=0], tuning_seeds: [7]}
quick: {seeds: 1, words: [trainer.epochs=1]}
published:
  - where: {size: small}
    rows:
      plain: {mean: {test_error_rate: [0.9, 0.1], usage_entropy_bits: [0.1, 0.01]}, n: 10}
      balanced: {best: {test_error_rate: 0.5}, of: 2}
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "study").mkdir()
    (folder / "study" / "tiny.yaml").write_text(TINY)
    return folder


class FakeRun:
    """A finished run with these numbers."""

    finished = True

    def __init__(self, error: float, usage: float | None, train: float = 0.0, validation: float = 0.0) -> None:
        self.metrics = {"test_error_rate": {"value": error}, "usage_entropy_bits": {"value": usage}}
        self.history = [{"train_error_rate": train, "validation_error_rate": validation}]


def test_the_papers_study_has_its_arms(own):
    asked = open_study("krishnamurthy2023", [])
    assert asked.choices == {"dataset": "mnist", "table": "main"}
    assert (asked.protocol, asked.grid) == ("paper", "published")
    assert asked.folder_name == "krishnamurthy2023-mnist-paper-published"
    counts = {
        grid: sum(map(len, published_settings(open_study("krishnamurthy2023", [f"grid={grid}"])).values()))
        for grid in ("published", "full")
    }
    # one setting an arm; four arms without settings, three with 5 weights each, three with 2 * 6 betas
    assert counts == {"published": 10, "full": 4 + 3 * 5 + 3 * 12}
    assert set(asked.rows) == set(asked.arms) - {"gate as classifier"}
    fashion = open_study("krishnamurthy2023", ["dataset=fashion_mnist"])
    assert published_settings(fashion)["attentive + importance"] == [("regularizers.importance.weight=0.8",)]


@pytest.mark.parametrize(
    "dataset, arms",
    [
        ("mnist", ["single", "gate as classifier", "original", "attentive + importance"]),
        ("fashion_mnist", ["original + similarity"]),
        ("cifar100", ["attentive + similarity"]),
    ],
)
def test_arms_of_the_paper_compose(dataset, arms):
    asked = open_study("krishnamurthy2023", [f"dataset={dataset}"])
    file = asked.file.model_copy(update={"arms": {name: asked.file.arms[name] for name in arms}, "seeds": 1})
    asked = replace(asked, file=file, seeds=1)
    trials = reported(asked, published_settings(asked))
    assert [trial.arm for trial in trials] == arms
    assert len(plan_of(trials, []).jobs) == len(arms)


@pytest.mark.parametrize("table, single", [("extended", False), ("extended_5", True)])
def test_the_later_table_has_arms_of_its_own(table, single):
    asked = open_study("krishnamurthy2023", [f"table={table}"])
    assert asked.folder_name == f"krishnamurthy2023-mnist-{table}-paper-published"
    # eight arms stay, of twelve, or nine; 17 come with the table
    assert ("single" in asked.arms) == single and len(asked.arms) == 7 + single + 17
    # zero gates and dual temperatures were printed for ten experts only
    assert set(asked.arms) - set(asked.rows) == {"peeking"} | (
        {"original, zero gate", "dual temperature", "dual temperature stochastic"} if single else set()
    )
    assert set(asked.rows) <= set(asked.arms)
    # without a gate's network there is no body to choose
    loudest = asked.arms["loudest expert"].words
    assert not any("body" in word for word in loudest) and f"experts.count={5 if single else 10}" in loudest
    assert asked.arms["original"].words[-2:] == ["objective.second_softmax=true", "trainer.weight_decay=1e-3"]


def test_arms_of_the_later_table_compose():
    asked = open_study("krishnamurthy2023", ["table=extended"])
    few = ["loudest expert", "dual temperature", "original top-1", "peeking"]
    arms = {name: asked.file.every_arm(asked.choices)[name] for name in few}
    asked = replace(asked, file=asked.file.model_copy(update={"arms": arms}), seeds=1)
    asked.file.choices["table"]["extended"].add.clear()
    configs = {one.arm: one.job.job.config for one in reported(asked, published_settings(asked))}
    assert {math.ceil(60_000 * one["dataset"]["validation_share"]) for one in configs.values()} == {10_000}
    assert configs["loudest expert"]["controllers"]["temperature"]["steps"] == [10, 1, 0.01, 0.001]
    assert configs["dual temperature"]["recipe"]["temperature"] == 10
    assert configs["original top-1"]["k"] == 1 and configs["original top-1"]["trainer"]["epochs"] == 100
    assert configs["peeking"]["trainer"]["epochs"] == 20


def test_words_that_do_not_go_together():
    with pytest.raises(ConfigError, match="dataset=cifar100 does not go with table=extended: take dataset=mnist"):
        open_study("krishnamurthy2023", ["table=extended", "dataset=cifar100"])


def test_a_plan_has_a_run_an_arm_setting_and_seed(own):
    asked = open_study("tiny", ["grid=full"], own)
    trials = reported(asked, published_settings(asked), Parts(own))
    assert [(trial.arm, trial.setting, trial.seed) for trial in trials] == [
        ("plain", (), 0),
        ("plain", (), 1),
        *(("balanced", (f"regularizers.importance.weight={w}",), seed) for w in (0.1, 1) for seed in (0, 1)),
    ]
    assert {trial.job.job.config["seed"] for trial in trials} == {0, 1}
    assert trials[2].job.job.config["regularizers"]["importance"]["weight"] == 0.1
    assert trials[2].job.name.startswith("balanced,weight=0.1,seed=0-")


def test_a_pupil_begins_from_the_teachers_run_of_its_seed(own, tmp_path):
    asked = open_study("tiny", [], own)
    teaching = teachers(asked, published_settings(asked), Parts(own))
    own_runs = [trial for trial in reported(asked, published_settings(asked), Parts(own)) if trial.arm == "balanced"]
    # the printed setting of both is the same, and so are the runs
    assert [trial.job.name for trial in teaching] == [trial.job.name for trial in own_runs]
    with pytest.raises(ConfigError, match="no job is left"):
        taught(asked, teaching, tmp_path, Parts(own))


def test_a_fair_setting_has_the_lowest_validation_error(own):
    asked = open_study("tiny", ["protocol=fair"], own)
    trials = tuning(asked, Parts(own))
    assert [(trial.arm, trial.seed) for trial in trials] == [("plain", 7)] * 2 + [("balanced", 7)] * 2
    errors = [0.3, 0.2, 0.1, 0.4]
    runs = {trial.job.name: FakeRun(0, 0, validation=error) for trial, error in zip(trials, errors, strict=True)}
    chosen = tuned_settings(trials, runs)
    assert with_teachers(asked, chosen)["pupil"] == chosen["balanced"]
    assert chosen == {"plain": [("trainer.lr=1e-2",)], "balanced": [("regularizers.importance.weight=0.2",)]}
    for trial in trials[:2]:
        runs[trial.job.name].finished = False
    with pytest.raises(ConfigError, match="arm plain: no setting finished"):
        tuned_settings(trials, runs)


@pytest.fixture
def measured(own):
    """plain .8 and .6 with H_u 2 and 2, balanced .5 and .4 (training .2 and .1) with H_u 2.1 and 2.3."""
    asked = open_study("tiny", [], own)
    trials = reported(asked, published_settings(asked), Parts(own))
    found = [FakeRun(0.8, 2.0), FakeRun(0.6, 2.0), FakeRun(0.5, 2.1, train=0.2), FakeRun(0.4, 2.3, train=0.1)]
    return asked, Measured(trials, {trial.job.name: run for trial, run in zip(trials, found, strict=True)})


def test_verdicts_on_levels(measured):
    lines = {(line["arm"], line["name"]): line for line in levels(*measured)}
    plain = lines["plain", "test_error_rate"]
    assert (plain["mean"], plain["n"], plain["published_mean"]) == (pytest.approx(0.7), 2, 0.9)
    # ours .7 with sd .141, n 2: the interval is wide and contains their .9. With n = 4 it would reach .210 to both
    # sides, with n = 5 .173
    assert (plain["verdict"], plain["runs_needed"]) == ("inconclusive", 5)
    rows = shown(list(lines.values()))
    assert rows[0] == (
        "plain",
        "test error",
        "0.9000 ± 0.1000 (10)",
        "0.7000 ± 0.1414 (2)",
        "inconclusive: 5 runs would do",
    )
    assert rows[1][0] == ""
    # both of ours are 2 bits, theirs .1 with hardly any spread
    assert lines["plain", "usage_entropy_bits"]["verdict"] == "different"
    # a best of two needs 8 * 2 runs of ours
    assert rows[2][4] == "inconclusive: 16 runs would do"
    assert lines["balanced", "usage_entropy_bits"]["reason"] == "nothing was published"
    assert remarks(list(lines.values())) == [
        "not comparable: nothing was published (balanced)",
    ]
    assert tally(list(lines.values())) == "Of 3 published numbers that can be compared 1 are different, 2 inconclusive."
    # the interval of H_u stays within 0 and log2 of an unknown number of experts, that of the error within 0 and 1
    assert 0 < plain["low"] < 0.7 < plain["high"] < 1


def test_a_metric_that_is_undefined_for_some_seeds_is_not_compared(own):
    asked = open_study("tiny", [], own)
    trials = reported(asked, published_settings(asked), Parts(own))
    found = [FakeRun(0.8, 2.0), FakeRun(0.6, 2.0), FakeRun(0.5, 2.1), FakeRun(0.4, None)]
    both = Measured(trials, {trial.job.name: run for trial, run in zip(trials, found, strict=True)})
    assert shown(levels(asked, both))[3][3] == "2.100 (1 of 2 defined)"
    # with one seed left there is no line of the difference
    assert [line["name"] for line in effects(asked, both)] == ["test_error_rate"]
    more = replace(asked, seeds=3)
    trials = reported(more, published_settings(more), Parts(own))
    pairs = [(0.8, 2.0), (0.6, 2.0), (0.7, 2.0), (0.5, 2.1), (0.4, None), (0.4, 2.2)]
    found = [FakeRun(*pair) for pair in pairs]
    three = Measured(trials, {trial.job.name: run for trial, run in zip(trials, found, strict=True)})
    usage = effects(more, three)[1]
    assert (usage["verdict"], usage["reason"], usage["mean"]) == ("not comparable", "2 of 3 defined (balanced)", None)
    assert shown([usage])[0][3] == "2 of 3 defined (balanced)"


def test_printed_differences_without_a_spread_have_a_direction(own):
    """Six seeds fall by .1 on each: one direction is asked about, p = 2 / 2^6; of the usage none was printed."""
    text = TINY.replace("test_error_rate: [0.9, 0.1]", "test_error_rate: [0.9, null]")
    printed = "balanced: {mean: {test_error_rate: [0.8, null]}, n: 2}"
    text = text.replace("balanced: {best: {test_error_rate: 0.5}, of: 2}", printed)
    (own / "study" / "directions.yaml").write_text(text)
    asked = replace(open_study("directions", [], own), seeds=6)
    trials = reported(asked, published_settings(asked), Parts(own))
    runs = [FakeRun(0.5 + 0.01 * trial.seed - 0.1 * (trial.arm == "balanced"), 2.0) for trial in trials]
    error, usage = effects(asked, Measured(trials, {t.job.name: run for t, run in zip(trials, runs, strict=True)}))
    assert (error["verdict"], error["reason"]) == ("holds", "the same sign (p = 0.031)")
    assert (error["low"], error["high"]) == pytest.approx((-0.1, -0.1))
    assert usage["verdict"] == "not comparable"


def test_effects_are_paired_by_seed(measured):
    error, usage, *_ = effects(*measured)
    # of two seeds there is no interval, and both are shown
    assert shown([error])[0][3] == "-0.2500 (2: -0.3000, -0.2000; interval needs 6 seeds)"
    assert error["mean"] == pytest.approx(((0.5 - 0.8) + (0.4 - 0.6)) / 2)
    assert usage["mean"] == pytest.approx(0.2)
    assert error["verdict"] == "not comparable"


def test_a_users_words_make_another_study(own):
    asked = open_study("tiny", ["size=large", "trainer.lr=0.1"], own)
    assert asked.extra == ("trainer.lr=0.1",) and asked.notes == ["takes longer"]
    trials = reported(asked, published_settings(asked), Parts(own))
    line = levels(asked, Measured(trials, {trial.job.name: FakeRun(0.5, 1.0) for trial in trials}))[0]
    assert (line["verdict"], line["reason"]) == ("not comparable", "not as published: trainer.lr=0.1")


@pytest.mark.parametrize(
    "words, message",
    [
        (["size=huge"], "study tiny has no such size"),
        (["protocol=foul"], "has no such protocol"),
    ],
)
def test_wrong_words(own, words, message):
    with pytest.raises(ConfigError, match=message):
        open_study("tiny", words, own)


def test_a_wrong_file_is_named_with_the_place(own):
    (own / "study" / "bad.yaml").write_text(TINY.replace("words: [gate=softmax]\n    fair", "wrods: []\n    fair"))
    with pytest.raises(ConfigError, match=r"bad\.yaml: arms\.plain\.words: Field required"):
        open_study("bad", [], own)
    (own / "study" / "bad.yaml").unlink()


def test_the_command(cli, own, tmp_path):
    words = ["study", "tiny", "--config-dir", own, "--runs", tmp_path, "launcher=serial"]
    listed = cli(*words, "--dry-run")
    assert listed.code == 0 and "4 runs, then pupil over 2 seeds; nothing has been written" in listed.out
    assert not list(tmp_path.glob("tiny*"))
    done = cli(*words)
    assert done.code == 0, done.err
    assert "4 runs, 4 of them ended, then pupil over 2 seeds" in cli(*words, "--dry-run").out
    folder = tmp_path / "tiny-small-paper-published"
    facts = json.loads((folder / "study.json").read_text())
    assert [line["n"] for line in facts["levels"]] == [2] * 6
    setting = ["regularizers.importance.weight=1"]
    settings = {arm: one["settings"] for arm, one in facts["arms"].items()}
    assert settings == {"plain": [""], "balanced": setting, "pupil": setting}
    assert facts["arms"]["plain"]["sizes"]["experts"] == 5
    page = (folder / "study.md").read_text()
    assert "| plain" in page and "moe-lab study tiny" in page and "](study.svg)" in page
    assert ElementTree.parse(folder / "study.svg").getroot().tag.endswith("svg")
    with (folder / "study-runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(line["n"] for line in facts["levels"])
    for line in facts["levels"]:
        values = [float(row["value"]) for row in rows if (row["arm"], row["name"]) == (line["arm"], line["name"])]
        assert mean(values) == pytest.approx(line["mean"])
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("routing.npz")}
    assert len(stamps) == 6
    assert cli(*words, "-q").out.strip() == str(folder)
    assert stamps == {path: path.stat().st_mtime_ns for path in folder.rglob("routing.npz")}
    # a damaged run is left out, and named
    damaged = sorted(folder.glob("jobs/*/metrics.json"))[0]
    damaged.write_text(damaged.read_text()[:-9])
    again = cli(*words)
    assert again.code == 0 and f"moe-lab: left out: {damaged} is not what the run has written" in again.err
    assert sorted(line["n"] for line in json.loads((folder / "study.json").read_text())["levels"]) == [1, 1, 2, 2, 2, 2]
    assert "Left out, because it cannot be read" in (folder / "study.md").read_text()
    # where none can be read there is nothing to draw
    (folder / "study.svg").unlink()
    for one in folder.glob("jobs/*/metrics.json"):
        one.write_text("")
    assert cli(*words).code == 0 and "study.svg" not in (folder / "study.md").read_text()
    assert not (folder / "study.svg").exists()
    wrong = cli("study", "tinny", "--config-dir", own)
    assert wrong.code == 2 and wrong.err.startswith("moe-lab: no study named 'tinny'. Did you mean tiny?")


def test_margins_are_of_the_studys_metrics(own):
    bad = own / "study" / "bad.yaml"
    bad.write_text(TINY.replace("margins: {usage_entropy_bits", "margins: {usage_entropy_bit"))
    with pytest.raises(
        ConfigError, match="'usage_entropy_bit' is none of the study's metrics. Did you mean usage_entropy"
    ):
        open_study("bad", [], own)
    bad.write_text(TINY.replace("margins: {usage_entropy_bits: 0.1", "margins: {usage_entropy_bits: 0"))
    with pytest.raises(ConfigError, match=r"margins\.usage_entropy_bits: Input should be greater than 0"):
        open_study("bad", [], own)
    bad.unlink()


KEPT = Path(__file__).parents[2] / "docs" / "studies" / "krishnamurthy2023"


@pytest.mark.parametrize("name", sorted(path.name for path in KEPT.iterdir()))
def test_the_kept_studies_are_written_with_the_margins_and_rules_of_today(name, tmp_path):
    """Otherwise: python docs/studies/again.py docs/studies/krishnamurthy2023/*"""
    for file in ("study.json", "study-runs.csv"):
        (tmp_path / file).write_bytes((KEPT / name / file).read_bytes())
    write_again(tmp_path)
    assert (tmp_path / "study.md").read_text() == (KEPT / name / "study.md").read_text()
    for file in ("study.csv", "study-runs.csv"):
        # the last digits are the machine's
        for ours, kept in zip(cells(tmp_path / file), cells(KEPT / name / file), strict=True):
            assert ours == kept or float(ours) == pytest.approx(float(kept), rel=1e-9, abs=1e-12), (file, ours, kept)


def cells(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


@pytest.mark.parametrize("name", open_sources().options("study"))
def test_a_study_is_of_words_and_metrics_that_exist(name):
    file = read_study(name)
    assert file.metrics.keys() <= METRICS.keys()
    choices = [choice for values in file.choices.values() for choice in values.values()]
    arms = file.arms | {name: arm for choice in choices for name, arm in choice.add.items()}
    changes = [change for choice in choices for change in choice.arms.values()]
    words = [word for one in (*arms.values(), *choices, *changes, file.quick) for word in one.words]
    for arm in arms.values():
        words += [word for grid in (arm.settings, arm.fair) for some in combinations(grid) for word in some]
    for text in set(words):
        vet(parse(text), open_sources())
