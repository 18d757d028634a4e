"""TensorBoard and MLflow show the numbers of history.csv and metrics.json."""

from pathlib import Path

import pytest

from moe_lab.loggers.folder import history, scalars
from moe_lab.store.run import Run

pytestmark = [
    pytest.mark.extras,
    # what these packages leave open is not ours
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def logged(cli):
    """A run with both loggers."""
    for package in ("tensorboard", "mlflow"):
        pytest.importorskip(package)
    words = ["logger=[tensorboard,mlflow]", "trainer.epochs=2", "trainer.limit_batches=2"]
    result = cli("train", *words, "--name", "a")
    assert result.code == 0, result.err
    assert "WARNING" not in Path("runs/a/train.log").read_text()
    return Run("runs/a")


def test_both_say_what_the_files_say(logged, cli):
    from mlflow import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(logged.path / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    client = MlflowClient(tracking_uri=(logged.path.parent.resolve() / "mlruns").as_uri())
    [experiment] = [one for one in client.search_experiments() if one.name == "moe-lab"]
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["trainer.epochs"] == "2"
    assert {one.path for one in client.list_artifacts(run.info.run_id)} == {"config.yaml", "report.md", "report.html"}
    rows = history(logged)
    for name in rows[0]:
        expected = [(row["epoch"], row[name]) for row in rows if row[name] is not None]
        if name != "epoch" and expected:
            shown = [(one.step, make_ndarray(one.tensor_proto).item()) for one in events.Tensors(name)]
            assert shown == [(epoch, pytest.approx(value, rel=1e-6)) for epoch, value in expected], name
            assert [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)] == expected
    for name, value in scalars(logged).items():
        assert run.data.metrics[f"metrics/{name}"] == value, name
        assert make_ndarray(events.Tensors(f"metrics/{name}")[0].tensor_proto).item() == pytest.approx(value, rel=1e-6)
    assert {"config/text_summary", "report/text_summary"} <= set(events.Tags()["tensors"])
    # a logger only looks on: the run is the one without it
    plain = cli("train", "trainer.epochs=2", "trainer.limit_batches=2", "--name", "b", "--no-report")
    assert plain.code == 0 and Run("runs/b").status["key"] == logged.status["key"]


def test_a_logger_that_fails_harms_nothing(cli, monkeypatch):
    pytest.importorskip("tensorboard")
    from moe_lab.loggers.tensorboard import TensorBoard

    monkeypatch.setattr(TensorBoard, "log", lambda self, folder: 1 / 0)
    result = cli("train", "logger=[tensorboard]", "trainer.epochs=1", "trainer.limit_batches=1", "--name", "a")
    assert result.code == 0, result.err
    assert "logger tensorboard: ZeroDivisionError" in Path("runs/a/train.log").read_text()
