import json
import shutil

import numpy as np
import pytest
import torch
import yaml

import moe_lab
from moe_lab.errors import ConfigError, RunError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.layers.noise import Noise, generator


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
