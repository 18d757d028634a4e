"""Which plain networks are trained beside a run, and of what config."""

import pytest

from moe_lab.experiment.job import prepare
from moe_lab.experiment.twins import twins_of
from moe_lab.store.run import TWIN_NAMES

BALANCED = ["gate=top_k", "regularizer=[importance]", "controller=[temperature]", "trainer.epochs=3", "seed=2"]


def names(words, tmp_path):
    return [one.name for one in twins_of(prepare(words), tmp_path)[0]]


def test_the_twins_of_a_mixture_are_the_baselines_that_one_would_type(tmp_path):
    """The same numbers, and so the same keys, as `moe-lab train baseline=single` with the same trainer and seed."""
    found, reasons = twins_of(prepare(BALANCED), tmp_path)
    assert [one.name for one in found] == ["single", "dense_total"] and reasons == []
    for one in found:
        typed = prepare([f"baseline={one.name}", "gate=top_k", "trainer.epochs=3", "seed=2"])
        assert one.job.key == typed.key and one.job.config["regularizers"] == one.job.config["controllers"] == {}
        assert one.folder == tmp_path / "twins" / one.name and one.name in TWIN_NAMES


@pytest.mark.parametrize("gate", ["expert_loss", "stochastic"])
def test_one_network_learns_from_the_cross_entropy_whatever_taught_the_experts(gate, tmp_path):
    found, _ = twins_of(prepare([f"gate={gate}"]), tmp_path)
    assert {one.job.config["objective"]["_target_"].rpartition(".")[2] for one in found} == {"Mixture"}
    assert len(found) == 2


def test_where_numbers_are_predicted_the_twins_predict_numbers(tmp_path):
    assert names(["dataset=toy_inverse", "experts=gaussian", "objective=mixture_density"], tmp_path) == [
        "single",
        "dense_total",
    ]


def test_a_network_of_mixture_layers_has_dense_twins(tmp_path):
    words = ["network=mlp", "gate=switch", "regularizer=[switch_balance]"]
    assert names(words, tmp_path) == ["dense_active", "dense_total"]


@pytest.mark.parametrize(
    "words", [["baseline=single"], ["experts.count=1", "gate=softmax"], ["recipe=em", "objective=em"]], ids=" ".join
)
def test_nothing_stands_beside_a_baseline_one_expert_or_another_recipe(words, tmp_path):
    assert twins_of(prepare(words), tmp_path) == ([], [])


def test_a_twin_that_there_cannot_be_is_said(tmp_path):
    """Linear experts have no width to scale."""
    found, (reason,) = twins_of(prepare(["experts=linear"]), tmp_path)
    assert [one.name for one in found] == ["single"]
    assert reason.startswith("baseline=dense_total: a dense baseline widens the experts' hidden layers")
