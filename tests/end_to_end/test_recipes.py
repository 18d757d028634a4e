"""Recipes from the command line."""

import csv
from pathlib import Path

import pytest


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
        ("recipe=expectation", "There are: distillation, em, end_to_end, extend, finetune, lasso_path, two_step"),
    ],
)
def test_contradictions_are_refused_at_composition(cli, words, reason):
    result = cli("train", *words.split())
    assert result.code == 2 and reason in result.err and result.err.count("\n") == 1, result.err
    assert not Path("runs").exists()
