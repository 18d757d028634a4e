"""What a run takes from elsewhere is found again from every folder."""

import os

import pytest

from moe_lab.data.mnist import Mnist
from moe_lab.experiment.job import prepare
from moe_lab.store.run import Run

SHORT = ("trainer.epochs=1", "trainer.limit_batches=1")


def test_a_data_folder_is_stored_absolute_and_decides_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = prepare(["dataset=mnist", "dataset.root=here"])
    assert job.config["dataset"]["root"] == str(tmp_path / "here")
    assert job.differs == {"dataset": "mnist", "dataset.root": "here"}
    assert job.key == prepare(["dataset=mnist"]).key


def test_where_a_machine_has_no_such_data_folder_its_own_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOE_LAB_DATA", raising=False)
    gone = str(tmp_path / "gone")
    assert str(Mnist(root=gone).data_folder) == gone
    (tmp_path / "data").mkdir()
    assert str(Mnist(root=gone).data_folder) == "data"
    monkeypatch.setenv("MOE_LAB_DATA", str(tmp_path))
    assert Mnist(root=gone).data_folder == tmp_path
    (tmp_path / "gone").mkdir()
    assert str(Mnist(root=gone).data_folder) == gone
    # what is typed starts from the current folder, there or not
    assert str(Mnist(root="typed").data_folder) == "typed"


@pytest.mark.parametrize(
    "word",
    [
        "difficulty_from=runs/single",
        "recipe=finetune recipe.run=runs/mixture",
        "regularizer=[sample_similarity] regularizers.sample_similarity.features=run "
        "regularizers.sample_similarity.run=runs/single",
    ],
)
def test_other_runs_are_found_from_another_folder(word, cli, tmp_path, monkeypatch):
    assert cli("train", "baseline=single", *SHORT, "--name", "single", "--no-report").code == 0
    assert cli("train", *SHORT, "--name", "mixture", "--no-report").code == 0
    first = cli("train", *word.split(), *SHORT, "--name", "taking", "--no-report")
    assert first.code == 0, first
    taking = Run(tmp_path / "cwd" / "runs" / "taking")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    again = cli("train", "--from", os.path.relpath(taking.path), "--name", "again", "--no-report")
    assert again.code == 0, again
    assert Run(elsewhere / "runs" / "again").status["key"] == taking.status["key"]
