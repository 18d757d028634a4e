"""Training one run in a folder of its own: the folder is held, made only when all is well, and resumed once."""

import os
import socket
from dataclasses import replace

import pytest

from moe_lab.errors import DataError, RunError
from moe_lab.experiment import train
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.job import prepare
from moe_lab.experiment.train import new_training, resumed_training
from moe_lab.experiment.writer import RunWriter
from moe_lab.store.claim import CLAIM, Held, claimed
from moe_lab.store.folders import Taken
from moe_lab.store.run import Run
from moe_lab.store.status import StatusFile
from moe_lab.training.watch import Stopped

SHORT = ["trainer.epochs=2", "trainer.limit_batches=2"]


@pytest.fixture(scope="module")
def job():
    return prepare(SHORT)


@pytest.fixture
def stopped(job, tmp_path):
    """The folder of a run that was stopped before its first batch."""
    with new_training(job, tmp_path, "stopped") as training, pytest.raises(Stopped):
        training.run(stop_asked=lambda: True)
    return tmp_path / "stopped"


def test_a_new_run_is_trained_in_a_folder_that_it_holds(job, tmp_path):
    runs = tmp_path / "runs"
    with new_training(job, runs, "first") as training:
        assert training.folder == runs / "first" and not training.resumed
        with pytest.raises(Held, match=f"process {os.getpid()}"), claimed(training.folder / CLAIM):
            pass
        run = training.run()
    assert run.path == runs / "first" and run.finished and len(run.history_rows) == 2
    with claimed(run.path / CLAIM):
        assert not (run.path / "report.html").exists()


def test_a_name_that_is_taken_is_left_alone(job, tmp_path):
    (tmp_path / "first").mkdir()
    with pytest.raises(Taken, match="exists already"), new_training(job, tmp_path, "first"):
        pass
    assert list((tmp_path / "first").iterdir()) == []


def test_no_folder_is_made_for_data_that_cannot_be_loaded(job, tmp_path, monkeypatch):
    def missing(config):
        raise DataError("nothing there")

    monkeypatch.setattr(train, "load_data", missing)
    with pytest.raises(DataError, match="nothing there"), new_training(job, tmp_path / "runs"):
        pass
    assert not (tmp_path / "runs").exists()


def test_a_stopped_run_is_resumed_and_ends_like_an_unbroken_one(job, tmp_path, stopped, same_bytes):
    with new_training(job, tmp_path, "unbroken") as training:
        unbroken = training.run()
    assert Run(stopped).status["status"] == "interrupted"
    with resumed_training(stopped) as training:
        assert training.resumed and training.job.key == job.key
        resumed = training.run()
    assert resumed.finished
    same_bytes(resumed.path, unbroken.path)
    with (
        pytest.raises(RunError, match=r"is finished: write its report with `moe-lab report "),
        resumed_training(stopped),
    ):
        pass


def test_a_run_in_use_is_not_resumed(stopped):
    status = StatusFile(stopped, **Run(stopped).status)
    status.start()
    with (
        pytest.raises(RunError, match=f"is in use by process {os.getpid()} on {socket.gethostname()}"),
        resumed_training(stopped),
    ):
        pass


def test_a_run_that_ends_while_it_is_taken_up_is_not_trained_again(stopped, monkeypatch):
    """Another process ends it after it was found unfinished and before its folder is held."""

    def end_it(config):
        StatusFile(stopped, **Run(stopped).status).end("diverged", error="loss is nan")
        return load_data(config)

    monkeypatch.setattr(train, "load_data", end_it)
    with (
        pytest.raises(RunError, match=r"is diverged: repeat or vary it with `moe-lab train --from "),
        resumed_training(stopped),
    ):
        raise AssertionError("it was taken up")


def test_loggers_hear_of_the_report_when_it_is_there(job, tmp_path, monkeypatch):
    with new_training(job, tmp_path, "first") as training:
        training.run()
    page, heard = tmp_path / "first" / "report.html", []
    monkeypatch.setattr(RunWriter, "tell_loggers", lambda writer: heard.append((writer.folder, page.is_file())))
    assert training.report() == page and heard == []
    with_logger = replace(training.job, config=training.job.config | {"loggers": {"mine": {}}})
    monkeypatch.setattr("moe_lab.experiment.writer.loggers", lambda job: {})
    replace(training, job=with_logger).report()
    assert heard == [(tmp_path / "first", True)]
