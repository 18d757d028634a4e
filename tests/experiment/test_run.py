"""One job from config to folder, without the command line."""

import json
import os

import numpy as np
import pytest
import torch
import yaml
from torch.utils._pytree import tree_leaves

from moe_lab.errors import Diverged, RunError
from moe_lab.experiment import job, results
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.options import Experiment
from moe_lab.experiment.results import HEADLINE
from moe_lab.store import checkpoint
from moe_lab.store.run import Run
from moe_lab.training.watch import Stopped, Watch

SHORT = ["trainer.epochs=3", "trainer.limit_batches=4"]


@pytest.fixture
def run(tmp_path):
    """Run the job that words compose into a fresh folder."""

    def start(*words, name="run", **options):
        made = job.prepare([*SHORT, *words])
        folder = tmp_path / name
        folder.mkdir()
        try:
            experiment.run(made, folder, load_data(made.config), **options)
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
        "interventions.npz", "metrics.json",
    }  # fmt: skip
    assert opened.finished and opened.status["differs"]["k"] == 2 and opened.status["differs"]["seed"] == 3
    assert set(opened.status["headline"]) == set(HEADLINE["classification"])
    assert opened.arrays("assignments")["expert"].shape == (3, 144)
    assert np.array_equal(opened.arrays("attributes")["class"], opened.routing["label"])
    assert len(opened.history_rows) == 3 and "seconds" not in opened.history_rows[0] and "seconds" in opened.timing[0]


def test_the_stored_config_is_whole_and_plain(run):
    opened = run("gate=switch")
    config = yaml.safe_load((opened.path / "config.yaml").read_text())
    assert config["k"] == 1 and config["gate"]["combine"] == "logits" and config["trainer"]["threads"] == 1
    assert "${" not in (opened.path / "config.yaml").read_text()
    # it passes the same checks again, and resolves to itself
    job.check(config, Experiment)
    assert job.stored_job(opened).config == config


def test_equal_seeds_give_equal_bytes(run, same_bytes):
    words = ["gate=attentive", "regularizer=[sample_similarity]"]
    first, second = run(*words, name="a"), run(*words, name="b")
    same_bytes(first.path, second.path)
    other = run(*words, "seed=1", name="c")
    assert (first.path / "routing.npz").read_bytes() != (other.path / "routing.npz").read_bytes()


def test_without_a_validation_split(run):
    opened = run("dataset.validation_share=0")
    assert not opened.has("assignments") and opened.finished
    assert opened.history_rows[0]["validation_loss_nats"] is None
    # 1797 images less the 360 of the test split
    assert len(load_data(opened.config).train) == 1437


def test_the_loss_of_a_diverged_run_is_said_and_its_history_kept(run):
    with pytest.raises(Diverged):
        run("trainer.optimizer=sgd", "trainer.lr=1e30", "trainer.checkpoint_seconds=0")
    assert run.opened.status["status"] == "diverged" and "smaller trainer.lr" in run.opened.status["error"]
    assert not (run.opened.path / "metrics.json").exists()
    assert (run.opened.path / "history.csv").exists()


class StopAfter(Watch):
    """Asks for a stop after a number of steps."""

    def __init__(self, steps):
        self.left = steps

    def batch(self, epoch, batch, loss):
        self.left -= 1

    def __call__(self):
        return self.left <= 0


def test_a_stopped_run_has_saved_its_state(run):
    stop = StopAfter(6)
    with pytest.raises(Stopped, match="epoch 2"):
        run(watch=stop, stop_asked=stop)
    assert run.opened.status["status"] == "interrupted"
    state = checkpoint.load(run.opened.path)
    assert (state["epoch"], state["batch"]) == (1, 2) and len(state["records"][0]["history"]) == 1
    assert len(run.opened.history_rows) == 1


def test_checkpoints_come_within_an_epoch_too(run, monkeypatch):
    saved = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda folder, state: (saved.append(state["batch"]), save(folder, state)))
    paced, plain = run("trainer.checkpoint_seconds=0", name="paced"), run(name="plain")
    # four batches an epoch: after each but the last, and at the epoch's end
    assert saved == [1, 2, 3, 0] * 3 + [0]
    for name in ("routing.npz", "history.csv"):
        assert (paced.path / name).read_bytes() == (plain.path / name).read_bytes(), name


def test_a_run_that_breaks_later_keeps_the_epochs_before(run, monkeypatch):
    epochs = []

    class Break(Watch):
        def epoch(self, row):
            epochs.append(row)
            if len(epochs) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(watch=Break())
    assert run.opened.status["status"] == "interrupted" and len(run.opened.history_rows) == 2


def test_a_failure_is_recorded_with_its_reason(run, monkeypatch):
    monkeypatch.setattr(results, "evaluate", lambda *_: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space"):
        run()
    assert run.opened.status["status"] == "failed" and "No space left" in run.opened.status["error"]
    assert "Traceback" in (run.opened.path / "train.log").read_text()


@pytest.mark.parametrize("steps", [1, 6, 8])
def test_a_resumed_run_ends_like_an_unbroken_one(run, same_bytes, steps):
    """Stopped within an epoch and at an epoch's end; then resumed from what the folder holds."""
    words = ["gate=noisy_top_k", "regularizer=[importance,load]"]
    unbroken = run(*words, name="unbroken")
    stop = StopAfter(steps)
    with pytest.raises(Stopped):
        run(*words, name="broken", watch=stop, stop_asked=stop)
    made = job.stored_job(run.opened)
    experiment.run(made, run.opened.path, load_data(made.config), resume=True)
    resumed = Run(run.opened.path)
    assert resumed.finished and resumed.status["choices"]["gate"] == "noisy_top_k"
    same_bytes(resumed.path, unbroken.path)


def test_a_run_without_a_checkpoint_starts_afresh(run):
    unbroken = run(name="unbroken")
    broken = run(name="broken")
    for name in ("checkpoint.pt", "routing.npz"):
        (broken.path / name).unlink()
    made = job.stored_job(broken)
    experiment.run(made, broken.path, load_data(made.config), resume=True)
    assert (broken.path / "routing.npz").read_bytes() == (unbroken.path / "routing.npz").read_bytes()


def test_a_checkpoint_of_another_config_is_refused(run):
    stop = StopAfter(2)
    with pytest.raises(Stopped):
        run(watch=stop, stop_asked=stop)
    before = (run.opened.path / "status.json").read_bytes()
    config = (run.opened.path / "config.yaml").read_text().replace("lr: 0.001", "lr: 0.002")
    (run.opened.path / "config.yaml").write_text(config)
    made = job.stored_job(Run(run.opened.path))
    with pytest.raises(RunError, match="does not belong to config"):
        experiment.run(made, run.opened.path, load_data(made.config), resume=True)
    assert (run.opened.path / "status.json").read_bytes() == before


def test_status_names_this_process(run):
    opened = run()
    facts = json.loads((opened.path / "status.json").read_text())
    assert facts["pid"] == os.getpid() and facts["key"] == opened.environment["config_hash"]


def test_mixed_precision_leaves_float32_on_disk(run):
    """Half a digit of loss apart; no bfloat16 in the checkpoint, the routing table or the predictions."""
    plain, mixed = run(name="plain"), run("trainer.precision=bf16", name="mixed")
    losses = [one.history_rows[-1]["train_loss_nats"] for one in (plain, mixed)]
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.05)
    state = torch.load(mixed.path / "checkpoint.pt", weights_only=True)
    kinds = {one.dtype for one in tree_leaves(state) if isinstance(one, torch.Tensor)}
    assert torch.float32 in kinds and kinds.isdisjoint({torch.bfloat16, torch.float16})
    for name in ("log_probs", "probs", "weights"):
        assert mixed.routing[name].dtype == np.float32
