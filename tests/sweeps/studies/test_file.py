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
