"""A study: its arms and settings, its plan, its teachers, and the choice of a fair setting."""

import math
from dataclasses import replace

import pytest

from moe_lab.errors import ConfigError
from moe_lab.sweeps.plan import NoJobLeft
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
    tuning_errors,
    with_teachers,
)


def test_the_papers_study_has_its_arms(own):
    asked = open_study("krishnamurthy2023", [])
    assert asked.choices == {"dataset": "mnist", "table": "main"}
    assert (asked.protocol, asked.grid) == ("paper", "published")
    assert asked.folder_name == "krishnamurthy2023-mnist-paper-published"
    counts = {
        grid: sum(map(len, published_settings(open_study("krishnamurthy2023", [f"grid={grid}"])).values()))
        for grid in ("published", "full")
    }
    # one setting an arm; five arms without settings, three with 5 weights each, three with 2 * 6 betas
    assert counts == {"published": 11, "full": 5 + 3 * 5 + 3 * 12}
    assert set(asked.rows) == set(asked.arms) - {"gate as classifier", "dense"}
    fashion = open_study("krishnamurthy2023", ["dataset=fashion_mnist"])
    assert published_settings(fashion)["attentive + importance"] == [("regularizers.importance.weight=0.8",)]


@pytest.mark.parametrize(
    "dataset, arms",
    [
        ("mnist", ["single", "gate as classifier", "dense", "original", "attentive + importance"]),
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
    # eight arms stay, of eleven, or nine; 17 come with the table
    assert ("single" in asked.arms) == single and len(asked.arms) == 8 + single + 17
    # zero gates and dual temperatures were printed for ten experts only
    assert set(asked.arms) - set(asked.rows) == {"peeking", "dense"} | (
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


def test_a_study_of_a_users_own_text(tmp_path):
    for path in (tmp_path / domain / f"{section}.txt" for domain in ("en", "de") for section in range(4)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("one line of text, and then another one " * 100)
    asked = open_study("balancing_scope", ["dataset=text_folder", f"dataset.path={tmp_path}"])
    asked = replace(asked, seeds=1)
    configs = {one.arm: one.job.job.config for one in reported(asked, published_settings(asked))}
    assert {one["dataset"]["path"] for one in configs.values()} == {str(tmp_path)}
    assert {one["dataset"]["document_bytes"] for one in configs.values()} == {2500}
    scopes = {arm: one["regularizers"].get("switch_balance", {}).get("scope") for arm, one in configs.items()}
    assert scopes == {"batch": "batch", "document": "document", "loss-free bias": None, "none": None}


def test_words_that_do_not_go_together():
    with pytest.raises(ConfigError, match="dataset=cifar100 does not go with table=extended: take dataset=mnist"):
        open_study("krishnamurthy2023", ["table=extended", "dataset=cifar100"])


@pytest.mark.parametrize(
    "words, message",
    [
        (["size=huge"], "study tiny has no such size"),
        (["protocol=foul"], "has no such protocol"),
        (["trainer.lr=1e-3,1e-2"], "trainer.lr=1e-3,1e-2: a study has one value of each word"),
        (["size=large", "k=range(1,3)"], r"k=range\(1,3\): a study has one value of each word"),
    ],
)
def test_wrong_words(own, words, message):
    with pytest.raises(ConfigError, match=message):
        open_study("tiny", words, own)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("gate=sofmax", "no gate named 'sofmax'"), ("k=1,2", "k=1,2: a study has one value"), ("k=99", "k=99")],
)
def test_a_wrong_word_of_an_arm_is_named_with_file_and_arm(own, tiny, word, reason):
    (own / "study" / "wrong.yaml").write_text(tiny.replace("words: [gate=softmax]", f"words: ['{word}']", 1))
    for extra in ([], ["trainer.lr=0.1"]):
        asked = open_study("wrong", extra, own)
        with pytest.raises(ConfigError, match=rf"wrong\.yaml: arm plain: .*{reason}"):
            reported(asked, published_settings(asked), Parts(own))
    (own / "study" / "wrong.yaml").unlink()


def test_a_wrong_word_of_the_user_is_not_the_files(own):
    asked = open_study("tiny", ["gate=sofmax"], own)
    with pytest.raises(ConfigError, match="^no gate named 'sofmax'"):
        reported(asked, published_settings(asked), Parts(own))


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
    with pytest.raises(NoJobLeft):
        taught(asked, teaching, tmp_path, Parts(own))


def test_a_fair_setting_has_the_lowest_validation_error(own, fake_run):
    asked = open_study("tiny", ["protocol=fair"], own)
    trials = tuning(asked, Parts(own))
    assert [(trial.arm, trial.seed) for trial in trials] == [("plain", 7)] * 2 + [("balanced", 7)] * 2
    errors = [0.3, 0.2, 0.1, 0.4]
    runs = {trial.job.name: fake_run(0, 0, validation=error) for trial, error in zip(trials, errors, strict=True)}
    assert tuning_errors(trials, runs) == errors
    chosen = tuned_settings(trials, errors)
    assert with_teachers(asked, chosen)["pupil"] == chosen["balanced"]
    assert chosen == {"plain": [("trainer.lr=1e-2",)], "balanced": [("regularizers.importance.weight=0.2",)]}
    for trial in trials[:2]:
        runs[trial.job.name].finished = False
    with pytest.raises(ConfigError, match="arm plain: no setting finished"):
        tuned_settings(trials, tuning_errors(trials, runs))


def test_errors_that_are_equal_but_for_rounding_are_a_tie(own):
    """1, 2 and 2 of 179 wrong, and 1, 1 and 3: five each, and their floats sum to different numbers."""
    asked = open_study("tiny", ["protocol=fair"], own)
    trial = tuning(asked, Parts(own))[0]
    settings = [("a=1",)] * 3 + [("a=2",)] * 3 + [("a=3",)] * 3
    trials = [replace(trial, setting=setting, seed=seed) for seed, setting in enumerate(settings)]
    one, other, more = ([wrong / 179 for wrong in counts] for counts in ((1, 2, 2), (1, 1, 3), (2, 2, 2)))
    assert math.fsum(one) != math.fsum(other)
    for first, second in ((one, other), (other, one)):
        assert tuned_settings(trials, [*more, *first, *second]) == {trial.arm: [("a=2",)]}


def test_a_study_of_which_nothing_was_published_has_a_fair_comparison_alone(own, tiny):
    unpublished = tiny.partition("published:\n")[0]
    (own / "study" / "new.yaml").write_text(unpublished)
    assert open_study("new", [], own).fair and open_study("new", ["protocol=fair"], own).fair
    with pytest.raises(ConfigError, match="study new has no such protocol. There are: fair"):
        open_study("new", ["protocol=paper"], own)
    (own / "study" / "new.yaml").write_text(unpublished.replace("fair: {words", "# fair: {words"))
    assert not open_study("new", [], own).fair
    (own / "study" / "new.yaml").unlink()


def test_words_by_seed_are_those_of_the_seeds_number(own, tiny):
    """Of three words seed 4 has the second; an arm without their key has none."""
    text = tiny.replace("dataset.validation_share=0.1]}", "dataset.validation_share=0.1], by_seed: [k=2, k=3, k=4]}", 1)
    (own / "study" / "turns.yaml").write_text(text.replace("seeds: 2", "seeds: 5"))
    asked = open_study("turns", [], own)
    of_seed = {trial.seed: trial.job.job.config["k"] for trial in reported(asked, {"plain": [()], "balanced": []})}
    assert of_seed == {0: 2, 1: 3, 2: 4, 3: 2, 4: 3}
    (own / "study" / "turns.yaml").write_text(
        text.replace("words: [gate=softmax]\n", "without: [k]\n    words: [gate=softmax]\n", 1)
    )
    asked = open_study("turns", [], own)
    configs = [trial.job.job.config["k"] for trial in reported(asked, {"plain": [()], "balanced": []})]
    assert configs == [5, 5] and open_study("turns", [], own).arms["balanced"].by_seed == ["k=2", "k=3", "k=4"]
    (own / "study" / "turns.yaml").unlink()
