"""A study's file: what is wrong in it is named, and what moe-lab brings exists."""

from itertools import product

import pytest

from moe_lab.config.compose import parse
from moe_lab.config.sources import open_sources
from moe_lab.config.words import vet
from moe_lab.errors import ConfigError
from moe_lab.metrics import METRICS
from moe_lab.sweeps.studies.claims import claim_names
from moe_lab.sweeps.studies.file import combinations, read_study
from moe_lab.sweeps.studies.study import (
    open_study,
)


def test_a_wrong_file_is_named_with_the_place(own, tiny):
    (own / "study" / "bad.yaml").write_text(tiny.replace("words: [gate=softmax]\n    fair", "wrods: []\n    fair"))
    with pytest.raises(ConfigError, match=r"bad\.yaml: arms\.plain\.words: must be given"):
        open_study("bad", [], own)
    (own / "study" / "bad.yaml").unlink()


def test_a_choice_has_metrics_besides_the_studys_own(own, tiny):
    bad = own / "study" / "bad.yaml"
    bad.write_text(tiny.replace("large: {words", "large: {metrics: {test_loss_nats: loss}, words"))
    own_ones = {"test_error_rate": "test error", "usage_entropy_bits": "H_u"}
    assert open_study("bad", [], own).metrics == own_ones
    assert open_study("bad", ["size=large"], own).metrics == own_ones | {"test_loss_nats": "loss"}
    bad.write_text(tiny.replace("large: {words", "large: {metrics: {test_los_nats: loss}, words"))
    with pytest.raises(ConfigError, match=r"no metric named 'test_los_nats'\. Did you mean test_loss_nats"):
        open_study("bad", [], own)
    bad.unlink()


def test_margins_are_of_the_studys_metrics(own, tiny):
    bad = own / "study" / "bad.yaml"
    bad.write_text(tiny.replace("margins: {usage_entropy_bits", "margins: {usage_entropy_bit"))
    with pytest.raises(
        ConfigError, match="'usage_entropy_bit' is none of the study's metrics. Did you mean usage_entropy"
    ):
        open_study("bad", [], own)
    bad.write_text(tiny.replace("margins: {usage_entropy_bits: 0.1", "margins: {usage_entropy_bits: 0"))
    with pytest.raises(ConfigError, match=r"margins\.usage_entropy_bits: must be greater than 0"):
        open_study("bad", [], own)
    bad.unlink()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("where: {size: small}", "where: {sise: small}", r"published\.0\.where\.sise: .*Did you mean size"),
        ("where: {size: small}", "where: {size: smal}", r"published\.0\.where\.size: 'smal' .*Did you mean small"),
        ("note: takes longer", "only: {sizes: small}", r"choices\.size\.large\.only\.sizes: the study has no such"),
        ("note: takes longer", "only: {protocol: foul}", r"only\.protocol: 'foul' is no value.*fair, paper"),
        ("best: {test_error", "best: {tast_error", r"rows\.balanced\.best: 'tast_error_rate' is none of the study's"),
        ("mean: {test_error_rate", "mean: {test_loss_nats", r"rows\.plain\.mean: 'test_loss_nats' is none of"),
        ("[0.9, 0.1]", "[0.9, -0.1]", r"rows\.plain\.mean\.test_error_rate\.1: must be greater than or equal to 0"),
        (
            "[0.9, 0.1]",
            "[9, 0.1]",
            r"plain\.mean\.test_error_rate: is 9, but its range is 0 to 1; in percent that is 0\.09",
        ),
        ("best: {test_error_rate: 0.5}", "best: {test_error_rate: -1}", r"best\.test_error_rate: is -1, but its range"),
        ("tuning_seeds: [7]", "tuning_seeds: []", r"fair\.tuning_seeds: must have at least 1 item"),
        ("tuning_seeds: [7]", "tuning_seeds: [-7]", r"fair\.tuning_seeds\.0: must be greater than or equal to 0"),
        (
            "tuning_seeds: [7]",
            "tuning_seeds: [7, 1]",
            r"fair\.tuning_seeds: 1 is one of the study's own, 0 to 1: .* as 2",
        ),
        ("quick: {seeds: 1", "quick: {seeds: 8", r"fair\.tuning_seeds: 7 is one of the study's own, 0 to 7: .* as 8"),
    ],
)
def test_what_a_file_gets_wrong_is_named_with_its_key(own, tiny, before, after, message):
    assert before in tiny
    (own / "study" / "wrong.yaml").write_text(tiny.replace(before, after, 1))
    with pytest.raises(ConfigError, match=r"wrong\.yaml: .*" + message):
        open_study("wrong", [], own)
    (own / "study" / "wrong.yaml").unlink()


#: studies but those of several claims, which test_claims.py has
ONE_QUESTION = [name for name in open_sources().options("study") if not claim_names(name)]


@pytest.mark.parametrize("name", ONE_QUESTION)
def test_a_study_that_compares_errors_has_a_dense_network_of_as_many_parameters(name):
    file = read_study(name)
    for picked in product(*file.choices.values()):
        arms = file.arms_of(dict(zip(file.choices, picked, strict=True)))
        dense = [arm.words for arm in arms.values() if "baseline=dense_total" in arm.words]
        assert len(dense) == ("test_error_rate" in file.metrics)


@pytest.mark.parametrize("name", ONE_QUESTION)
def test_a_study_is_of_words_and_metrics_that_exist(name):
    file = read_study(name)
    choices = [choice for values in file.choices.values() for choice in values.values()]
    # block0.NAME is of a layer, NAME: KEY one of several numbers
    metrics = [name for one in (file, *choices) for name in one.metrics]
    assert {name.partition(": ")[0].rpartition(".")[2] for name in metrics} <= METRICS.keys()
    arms = file.arms | {name: arm for choice in choices for name, arm in choice.add.items()}
    changes = [change for choice in choices for change in choice.arms.values()]
    words = [word for one in (*arms.values(), *choices, *changes, file.quick) for word in one.words]
    for arm in arms.values():
        words += [word for grid in (arm.settings, arm.fair) for some in combinations(grid) for word in some]
    for text in set(words):
        vet(parse(text), open_sources())
