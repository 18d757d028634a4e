"""Many jobs as one program: a folder each, as ``run`` would have left it."""

import json

import numpy as np
import pytest

import moe_lab
from moe_lab.errors import ConfigError, Diverged, RunError
from moe_lab.experiment import job, results
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store import checkpoint
from moe_lab.store.run import Run
from moe_lab.training.watch import Stopped, Watch

SHORT = ["trainer.epochs=3", "trainer.limit_batches=4"]
ARMS = [
    ["seed=0", "seed_order=5", "regularizers.importance.weight=0.1"],
    ["seed=1", "seed_order=5", "regularizers.importance.weight=0.5", "trainer.lr=3e-3"],
    ["seed=2", "seed_order=5", "regularizers.importance.weight=0.1", "trainer.epochs=2"],
]


@pytest.fixture
def start(tmp_path):
    """Run jobs together into fresh folders, or into those that are there; their runs and the outcomes."""

    def run_stack(*arms, name="stack", jobs=None, **options):
        jobs = jobs or [job.prepare([*SHORT, *arm]) for arm in arms]
        home = tmp_path / name
        folders = [home / str(run) for run in range(len(jobs))]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        run_stack.home, run_stack.folders = home, folders
        run_stack.outcomes = experiment.run_stack(jobs, folders, load_data(jobs[0].config), home=home, **options)
        return [Run(folder) for folder in folders]

    return run_stack


def alone(tmp_path, words):
    folder = tmp_path / "alone" / "-".join(words).replace("/", "")
    folder.mkdir(parents=True)
    made = job.prepare([*SHORT, *words])
    experiment.run(made, folder, load_data(made.config))
    return Run(folder)


def test_each_folder_is_what_a_run_alone_leaves(start, tmp_path):
    arms = [["regularizer=[importance]", *arm] for arm in ARMS]
    runs = start(*arms)
    assert start.outcomes == [None] * 3
    for run, arm in zip(runs, arms, strict=True):
        solo = alone(tmp_path, arm)
        assert {path.name for path in run.path.iterdir()} == {path.name for path in solo.path.iterdir()}
        assert run.finished and run.config == solo.config and run.environment["stacked_runs"] == 3
        assert run.status["key"] == solo.status["key"] and run.status["differs"] == solo.status["differs"]
        for ours, theirs in zip(run.history_rows, solo.history_rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)
        for name in ("weights", "log_probs", "expert_log_prob_true"):
            np.testing.assert_allclose(run.routing[name], solo.routing[name], rtol=1e-3, atol=1e-4)
        assert run.arrays("assignments")["expert"].shape == solo.arrays("assignments")["expert"].shape
        first, second = (next(iter(moe_lab.load(one.path).model().parameters())) for one in (run, solo))
        np.testing.assert_allclose(first.detach(), second.detach(), rtol=1e-3, atol=1e-4)
    assert len(runs[2].history_rows) == 2
    # what held the stack's state is gone
    assert not list(start.home.glob("*.pt"))


def test_the_same_stack_gives_the_same_bytes(start, same_bytes):
    first, second = start(*ARMS_PLAIN, name="a"), start(*ARMS_PLAIN, name="b")
    for one, other in zip(first, second, strict=True):
        same_bytes(one.path, other.path)


ARMS_PLAIN = [["gate=noisy_top_k", f"seed={seed}"] for seed in (0, 1)]


class StopAfter(Watch):
    """Asks for a stop after a number of steps."""

    def __init__(self, steps):
        self.left = steps

    def batch(self, epoch, batch, loss):
        self.left -= 1

    def __call__(self):
        return self.left <= 0


@pytest.mark.parametrize("steps", [1, 6, 9])
def test_a_resumed_stack_ends_like_an_unbroken_one(start, same_bytes, steps):
    """One file holds the state of all; a run that ended before the stop keeps its folder untouched."""
    arms = [*ARMS_PLAIN, ["gate=noisy_top_k", "seed=2", "trainer.epochs=2"]]
    unbroken = start(*arms, name="unbroken")
    stop = StopAfter(steps)
    with pytest.raises(Stopped):
        start(*arms, name="broken", watch=stop, stop_asked=stop)
    home, folders = start.home, start.folders
    assert [path.name for path in home.glob("*.pt")][:1] == ["checkpoint.pt"]
    states = [Run(folder).status["status"] for folder in folders]
    assert states == ["interrupted", "interrupted", "finished" if steps > 8 else "interrupted"]
    before = (folders[2] / "status.json").read_bytes()
    resumed = start(*arms, name="broken", resume=True)
    for one, other in zip(resumed, unbroken, strict=True):
        assert one.finished
        same_bytes(one.path, other.path)
    assert ((folders[2] / "status.json").read_bytes() == before) == (steps > 8)
    assert not list(home.glob("*.pt"))


@pytest.mark.filterwarnings("ignore:.*overflow.*")
def test_a_diverged_run_ends_in_its_folder_and_the_others_go_on(start):
    sgd = ["trainer.optimizer=sgd", "trainer.lr=0.05"]
    calm = start(sgd, [*sgd, "seed=1"], [*sgd, "seed=2"], name="calm")
    mixed = start(sgd, [*sgd[:1], "trainer.lr=1e30", "seed=1"], [*sgd, "seed=2"], name="mixed")
    assert [type(one) for one in start.outcomes] == [type(None), Diverged, type(None)]
    assert mixed[1].status["status"] == "diverged" and "smaller trainer.lr" in mixed[1].status["error"]
    assert not (mixed[1].path / "metrics.json").exists() and not (mixed[1].path / "checkpoint.pt").exists()
    for run in (0, 2):
        for name in ("routing.npz", "history.csv", "metrics.json"):
            assert (mixed[run].path / name).read_bytes() == (calm[run].path / name).read_bytes(), name


def test_jobs_of_several_structures_train_alone_and_say_why(start, tmp_path):
    runs = start(["gate=softmax"], ["gate=switch"])
    assert start.outcomes == [None, None] and all(run.finished for run in runs)
    for run, word in zip(runs, ("gate=softmax", "gate=switch"), strict=True):
        assert "trains alone" in (run.path / "train.log").read_text()
        assert run.environment["stacked_runs"] == 1
        solo = alone(tmp_path, [word])
        assert (run.path / "routing.npz").read_bytes() == (solo.path / "routing.npz").read_bytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [("dataset", "dataset.split_seed=1"), ("classes", "classes=[0,1]"), ("difficulty_from", "difficulty_from=single")],
)
def test_jobs_of_several_data_sets_are_no_stack(start, name, words):
    with pytest.raises(ConfigError, match=f"share {name}"):
        start([], [words])
    assert not any(list(folder.iterdir()) for folder in start.folders)


def test_a_run_whose_evaluation_fails_does_not_take_the_others_along(start, monkeypatch):
    evaluate, calls = results.evaluate, []

    def second_fails(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise OSError("No space left on device")
        return evaluate(*arguments)

    monkeypatch.setattr(results, "evaluate", second_fails)
    runs = start(*[[f"seed={seed}"] for seed in range(3)])
    assert [run.status["status"] for run in runs] == ["finished", "failed", "finished"]
    assert isinstance(start.outcomes[1], OSError) and "No space" in runs[1].status["error"]


def test_a_break_leaves_every_history_and_status(start):
    class Break(Watch):
        def batch(self, epoch, batch, loss):
            if (epoch, batch) == (2, 1):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(*ARMS_PLAIN, watch=Break())
    for folder in start.folders:
        assert Run(folder).status["status"] == "interrupted" and len(Run(folder).history_rows) == 2


def test_the_checkpoint_of_other_jobs_is_refused(start):
    stop = StopAfter(2)
    with pytest.raises(Stopped):
        start(*ARMS_PLAIN, watch=stop, stop_asked=stop)
    before = [(folder / "status.json").read_bytes() for folder in start.folders]
    with pytest.raises(RunError, match="does not belong to"):
        start(*ARMS_PLAIN[::-1], resume=True)
    assert [(folder / "status.json").read_bytes() for folder in start.folders] == before
    assert checkpoint.load(start.home)["keys"] == [json.loads(one)["key"] for one in before]


def test_runs_that_predict_numbers_train_together_too(start, tmp_path):
    numbers = ["dataset=toy_inverse", "dataset.samples=300", "experts=gaussian", "objective=mixture_density"]
    arms = [[*numbers, "seed=0"], [*numbers, "seed=1", "experts.least_sd=0.1", "trainer.lr=3e-3"]]
    for run, arm in zip(start(*arms), arms, strict=True):
        solo = alone(tmp_path, arm)
        for ours, theirs in zip(run.history_rows, solo.history_rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)
        for name in ("label", "prediction", "log_density", "expert_variance"):
            np.testing.assert_allclose(run.routing[name], solo.routing[name], rtol=1e-3, atol=1e-4)
