"""One job from config to folder, without the command line."""

import json
import os

import numpy as np
import pytest
import yaml

from moe_lab import experiment
from moe_lab.errors import ConfigError
from moe_lab.store.run import Run
from moe_lab.training import checkpoint
from moe_lab.training.watch import Diverged, Stopped

SHORT = ["trainer.epochs=3", "trainer.limit_batches=4"]


@pytest.fixture
def run(tmp_path):
    """Run the job that words compose into a fresh folder."""

    def start(*words, name="run", **options):
        job = experiment.prepare([*SHORT, *words])
        folder = tmp_path / name
        folder.mkdir()
        try:
            experiment.run(job, folder, experiment.load_data(job.config), **options)
        finally:
            start.opened = Run(folder)
        return start.opened

    return start


def test_a_finished_folder_has_every_file(run):
    opened = run("regularizer=[importance]", "k=2", "seed=3")
    names = {path.name for path in opened.path.iterdir()}
    assert names == {
        "config.yaml", "status.json", "environment.json", "history.csv", "timing.csv", "checkpoint.pt", "train.log",
        "routing.npz", "expert_log_probs.npz", "assignments.npz", "attributes.npz", "evaluation.npz", "examples.npz",
        "metrics.json",
    }  # fmt: skip
    assert opened.finished and opened.status["differs"]["k"] == 2 and opened.status["differs"]["seed"] == 3
    assert set(opened.status["headline"]) == set(experiment.HEADLINE)
    assert opened.arrays("assignments")["expert"].shape == (3, 144)
    assert np.array_equal(opened.arrays("attributes")["class"], opened.routing["label"])
    assert len(opened.history) == 3 and "seconds" not in opened.history[0] and "seconds" in opened.timing[0]


def test_the_stored_config_is_whole_and_plain(run):
    opened = run("gate=switch")
    config = yaml.safe_load((opened.path / "config.yaml").read_text())
    assert config["k"] == 1 and config["gate"]["combine"] == "logits" and config["trainer"]["threads"] == 1
    assert "${" not in (opened.path / "config.yaml").read_text()
    # it passes the same checks again, and resolves to itself
    experiment.check(config, experiment.Experiment)
    assert experiment.resolve(config) == config


def test_equal_seeds_give_equal_bytes(run):
    words = ["gate=attentive", "regularizer=[sample_similarity]"]
    first, second = run(*words, name="a"), run(*words, name="b")
    for name in ("routing.npz", "history.csv", "metrics.json", "evaluation.npz", "examples.npz", "assignments.npz"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name
    other = run(*words, "seed=1", name="c")
    assert (first.path / "routing.npz").read_bytes() != (other.path / "routing.npz").read_bytes()


def test_without_a_validation_split(run):
    opened = run("dataset.validation_share=0")
    assert not opened.has("assignments") and opened.finished
    assert opened.history[0]["validation_loss_nats"] is None
    # 1797 images less the 360 of the test split
    assert len(experiment.load_data(opened.config).train) == 1437


def test_the_loss_of_a_diverged_run_is_said_and_its_history_kept(run):
    with pytest.raises(Diverged):
        run("trainer.optimizer=sgd", "trainer.lr=1e30", "trainer.checkpoint_seconds=0")
    assert run.opened.status["status"] == "diverged" and "smaller trainer.lr" in run.opened.status["error"]
    assert not (run.opened.path / "metrics.json").exists()


def test_a_stopped_run_has_saved_its_state(run):
    asked = iter([False] * 6 + [True] * 99)
    with pytest.raises(Stopped, match="epoch 2"):
        run(stop_asked=lambda: next(asked))
    assert run.opened.status["status"] == "interrupted"
    state = checkpoint.load(run.opened.path)
    assert (state["epoch"], state["batch"]) == (1, 2) and len(state["history"]) == 1
    assert len(run.opened.history) == 1


def test_a_failure_is_recorded_with_its_reason(run, monkeypatch):
    monkeypatch.setattr(experiment, "evaluate", lambda *_: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space"):
        run()
    assert run.opened.status["status"] == "failed" and "No space left" in run.opened.status["error"]
    assert "Traceback" in (run.opened.path / "train.log").read_text()


def test_seeds_can_be_set_apart():
    def seeds(*words):
        return experiment.seeds_of(experiment.prepare(list(words)).config)

    assert seeds("seed=5") == experiment.Seeds(5, 5, 5)
    assert seeds("seed=5", "seed_init=1", "seed_order=0") == experiment.Seeds(1, 0, 5)


def test_keys_tell_apart_what_decides_the_result():
    def key(*words):
        return experiment.prepare(list(words)).key

    assert key() == key("seed_init=null") == key("trainer.threads=2") == key("device=cpu")
    assert len({key(), key("seed=1"), key("k=2"), key("trainer.lr=2e-3"), key("gate=attentive")}) == 5


def test_a_device_that_is_not_there():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ConfigError, match="device=cpu"):
        experiment.prepare(["device=cuda"])


def test_status_names_this_process(run):
    opened = run()
    facts = json.loads((opened.path / "status.json").read_text())
    assert facts["pid"] == os.getpid() and facts["key"] == opened.environment["config_hash"]
