"""Recipes from the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from moe_lab import load
from moe_lab.store.run import Run


def test_a_path_of_lambdas_is_one_run_with_a_table_and_pictures(cli):
    words = ["recipe=lasso_path", "recipe.lambdas=2", "regularizer=[lasso]", "trainer.epochs=2"]
    result = cli("train", *words, "trainer.limit_batches=3", "--name", "path")
    assert result.code == 0, result.err
    rows = list(csv.DictReader(Path("runs/path/stages.csv").read_text().splitlines()))
    assert [float(row["lambda"]) for row in rows] == [1e-4, 0.1]
    assert "## The path" in Path("runs/path/report.md").read_text()
    assert len(list(Path("runs/path/figures").glob("path_*.svg"))) == 3


def test_a_run_goes_on_with_a_task_and_with_other_data(cli):
    """A run on two classes, then a task with an expert of its own, then all of it on other classes."""
    short = ["trainer.epochs=2", "trainer.limit_batches=3", "-q"]
    assert cli("train", "classes=[0,1]", "experts.count=2", *short, "--no-report", "--name", "first").code == 0
    tasks = ["recipe=extend", "recipe.run=runs/first", "recipe.tasks=[[0,1],[2,3]]", "experts.count=3"]
    result = cli("train", *tasks, *short, "--name", "second")
    assert result.code == 0, result.err
    rows = list(csv.DictReader(Path("runs/second/stages.csv").read_text().splitlines()))
    assert [(row["task"], row["epoch"], row["experts"]) for row in rows] == [
        ("", "0", "2"),
        ("0", "0", "2"),
        ("1", "2", "3"),
    ]
    metrics = json.loads(Path("runs/second/metrics.json").read_text())
    accuracy = [float(rows[-1][f"accuracy_{task}"]) for task in (0, 1)]
    assert metrics["average_accuracy"]["value"] == pytest.approx(sum(accuracy) / 2)
    assert metrics["experts_added"]["value"] == 1
    assert "## The tasks, one after another" in Path("runs/second/report.md").read_text()
    assert len(list(Path("runs/second/figures").glob("task_*.svg"))) == 3
    assert "classes: [0, 1, 2, 3]" in yaml.safe_dump(load("runs/second").config, default_flow_style=None)
    assert load("runs/second").model().experts.count == 3
    onward = ["recipe=finetune", "recipe.run=runs/second", "classes=[4,5]", "experts.count=3"]
    result = cli("train", *onward, "recipe.expert_dropout=0.4", *short, "--no-report", "--name", "third")
    assert result.code == 0, result.err
    assert set(load("runs/third").routing["label"]) == {4, 5}


def test_arms_of_a_sequence_of_tasks(cli):
    """What does not fit is listed as refused, and the other arms are trained."""
    words = ["recipe=extend", "recipe.tasks=[[0,1],[2,3]]", "recipe.new_experts=0,1,5", "experts.count=3"]
    result = cli("sweep", *words, "trainer.epochs=2", "trainer.limit_batches=2", "--no-report", "--name", "s")
    assert result.code == 0, result.err
    runs = [load(path) for path in sorted(Path("runs/s/jobs").iterdir())]
    assert [run.status["status"] for run in runs] == ["finished"] * 2
    assert {run.metrics["experts_added"]["value"] for run in runs} == {0, 1}
    assert "take experts.count=6 or more" in result.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("recipe=em", "take objective=em"),
        ("recipe=extend", "recipe.tasks must be given"),
        ("recipe=extend recipe.tasks=[[0,1],[2,3]] classes=[0,1]", "leave classes null"),
        ("recipe=finetune recipe.run=nowhere", "no finished run"),
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
