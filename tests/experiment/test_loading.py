import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import moe_lab
from moe_lab.errors import ConfigError, DataError, RunError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.layers.noise import Noise, generator
from moe_lab.store import checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    made = job.prepare(["gate=attentive", "trainer.epochs=1"])
    experiment.run(made, path, load_data(made.config))
    return path


def test_a_loaded_model_predicts_what_the_run_wrote_down(folder):
    run = moe_lab.load(folder)
    data = load_data(run.config)
    with torch.no_grad():
        output = run.model()(data.test.x_ND, Noise([generator(0, "any")]))
    np.testing.assert_allclose(output.log_probs_BC.numpy(), run.routing["log_probs"], rtol=1e-5, atol=1e-6)
    assert run.config["k"] == 5 and run.metrics["test_error_rate"]["unit"] == "fraction" and len(run.history) == 1


@pytest.fixture
def own_arrays(tmp_path, monkeypatch):
    """The current folder has own.npz, with images and text names; returns it."""
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.normal(size=(60, 4, 4)), "y_train": np.arange(60) % 3, "class_names": ["a", "b", "c"]}
    (tmp_path / "here").mkdir()
    np.savez(tmp_path / "here" / "own.npz", **arrays)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


OWN = ["dataset=npz", "dataset.path=own.npz", "trainer.epochs=1", "experts=conv", "experts.hidden=[8]"]


def test_a_model_loads_from_another_folder_and_without_its_data(own_arrays, tmp_path, monkeypatch):
    made = job.prepare(OWN)
    data = load_data(made.config)
    (tmp_path / "run").mkdir()
    experiment.run(made, tmp_path / "run", data)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = moe_lab.load(tmp_path / "run")
    np.testing.assert_array_equal(load_data(run.config).test.x_ND, data.test.x_ND)
    (own_arrays / "own.npz").unlink()
    with torch.no_grad():
        output = run.model()(data.test.x_ND, Noise([generator(0, "any")]))
    np.testing.assert_allclose(output.log_probs_BC.numpy(), run.routing["log_probs"], rtol=1e-5, atol=1e-6)


def test_a_checkpoint_that_does_not_tell_of_its_data_is_asked_of_them(folder, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(folder, older)
    for content in ({}, {"shape": [0, 8, 8], "classes": 10}, {"shape": [1, 8, 8], "classes": "10"}):
        state = checkpoint.load(folder)
        del state["shape"], state["classes"]
        checkpoint.save(older, state | content)
        parameters = moe_lab.load(older).model().state_dict(), moe_lab.load(folder).model().state_dict()
        assert all(torch.equal(parameters[0][name], one) for name, one in parameters[1].items())


def test_where_a_file_lies_changes_no_key(own_arrays, tmp_path, monkeypatch):
    there = job.prepare(OWN)
    assert there.config["dataset"]["root"] == str(own_arrays) and "dataset.root" not in there.differs
    (tmp_path / "other").mkdir()
    shutil.copy("own.npz", tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    other = job.prepare(OWN)
    assert other.config["dataset"]["root"] == str(tmp_path / "other") and other.key == there.key
    # a config of an earlier version, which has no root
    stored = {**other.config, "dataset": {key: one for key, one in other.config["dataset"].items() if key != "root"}}
    assert job.checked_job(stored, other.facts).key == there.key
    absolute = job.prepare([*OWN, f"dataset.path={tmp_path / 'other' / 'own.npz'}"])
    assert absolute.config["dataset"]["root"] is None


def test_a_run_is_varied_from_another_folder(own_arrays, tmp_path, monkeypatch):
    made = job.prepare(OWN)
    (tmp_path / "run").mkdir()
    experiment.run(made, tmp_path / "run", load_data(made.config))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    varied = job.prepare_from(moe_lab.load(tmp_path / "run"), ["seed=1"])
    assert varied.config["dataset"] == made.config["dataset"]
    assert varied.differs == {**made.differs, "seed": 1}
    # what is typed now starts from the folder of now, though the run's own has a file of that name too
    shutil.copy(own_arrays / "own.npz", "own.npz")
    again = job.prepare_from(moe_lab.load(tmp_path / "run"), ["dataset.path=own.npz"])
    assert again.config["dataset"]["root"] == str(tmp_path / "other") and again.key == made.key
    # where the run's own file is gone, that of the current folder serves
    (own_arrays / "own.npz").unlink()
    moved = job.prepare_from(moe_lab.load(tmp_path / "run"), [])
    assert moved.config["dataset"]["root"] == str(tmp_path / "other")
    Path("own.npz").unlink()
    with pytest.raises(DataError, match="here/own.npz: expected an .npz file, found none"):
        job.prepare_from(moe_lab.load(tmp_path / "run"), [])


def test_a_strangers_folder_runs_no_code(folder, tmp_path):
    config = moe_lab.load(folder).config
    config["gate"]["_target_"] = "pathlib.Path"
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "status.json").write_text('{"status": "finished"}')
    (stranger / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match="_target_"):
        moe_lab.load(stranger).model()


def test_no_folder():
    with pytest.raises(RunError):
        moe_lab.load("nowhere")


def test_a_config_that_was_changed_since_is_refused(folder, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    text = (changed / "config.yaml").read_text().replace("query: pre", "query: post")
    (changed / "config.yaml").write_text(text)
    with pytest.raises(RunError, match="config.yaml is not what the run has written"):
        moe_lab.load(changed).model()
    # runs of earlier versions have no checksums
    status = json.loads((changed / "status.json").read_text())
    del status["checksums"]
    (changed / "status.json").write_text(json.dumps(status))
    with pytest.raises(RunError, match="does not belong"):
        moe_lab.load(changed).model()
