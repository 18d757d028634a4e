"""Recipes from the command line."""

import csv
from pathlib import Path

import numpy as np
import pytest

from moe_lab.store.run import Run


def test_a_path_of_lambdas_is_one_run_with_a_table_and_pictures(cli):
    words = ["recipe=lasso_path", "recipe.lambdas=2", "regularizer=[lasso]", "trainer.epochs=2"]
    result = cli("train", *words, "trainer.limit_batches=3", "--name", "path")
    assert result.code == 0, result.err
    rows = list(csv.DictReader(Path("runs/path/stages.csv").read_text().splitlines()))
    assert [float(row["lambda"]) for row in rows] == [1e-4, 0.1]
    assert "## The path" in Path("runs/path/report.md").read_text()
    assert len(list(Path("runs/path/figures").glob("path_*.svg"))) == 3


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("recipe=em", "take objective=em"),
        ("recipe=lasso_path", "take regularizer="),
        ("recipe=em objective=em recipe.m_steps=0", "recipe.m_steps=0"),
        ("recipe=expectation", "There are: distillation, dual_temperature, em, end_to_end, extend, finetune, "),
        ("recipe=prechosen recipe.groups=[[0,1],[2]]", "a group of classes for each of the"),
        ("recipe=new_experts recipe.run=nowhere", "nowhere is no finished run"),
        ("recipe=dual_temperature gate=attentive", "take gate=softmax"),
    ],
)
def test_contradictions_are_refused_at_composition(cli, words, reason):
    result = cli("train", *words.split())
    assert result.code == 2 and reason in result.err and result.err.count("\n") == 1, result.err
    assert not Path("runs").exists()


def test_experts_of_chosen_classes_and_new_ones_under_their_gate(cli):
    """The groups go from the first run to the second, whose gate decides as the first's does."""
    few = ["experts.count=2", "trainer.epochs=2", "trainer.limit_batches=3", "--no-report"]
    groups = "recipe.groups=[[0,2,4,6,8],[1,3,5,7,9]]"
    assert cli("train", "recipe=prechosen", groups, *few, "--name", "chosen").code == 0
    assert cli("train", "recipe=new_experts", "recipe.run=runs/chosen", "seed_init=1", *few, "--name", "new").code == 0
    chosen, new = Run("runs/chosen"), Run("runs/new")
    np.testing.assert_array_equal(new.routing["weights"], chosen.routing["weights"])
    assert (new.routing["expert_log_prob_true"] != chosen.routing["expert_log_prob_true"]).any()
    for run in (chosen, new):
        assert run.arrays("evaluation")["expert_of_class"].tolist() == [0, 1] * 5
        parts = [run.metrics[f"{name}_error_rate"]["value"] for name in ("within_group", "between_groups", "test")]
        assert parts[0] + parts[1] == pytest.approx(parts[2]) and parts[1] > 0
