"""A clock that is set back while runs are under way: nothing that decides asks what time it is."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store.run import find_runs
from moe_lab.training.watch import Stopped

WORDS = ["trainer.epochs=4", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]


@pytest.fixture
def set_back(monkeypatch):
    """Each look at the clock is three days before the last."""
    times = iter(datetime(2030, 1, 1, tzinfo=UTC) - timedelta(days=3 * looks) for looks in range(10**6))

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return next(times).astimezone(tz)

    monkeypatch.setattr("moe_lab.store.status.datetime", Clock)
    monkeypatch.setattr("moe_lab.store.folders.datetime", Clock)
    monkeypatch.setattr(time, "time", lambda: next(times).timestamp())


def test_a_run_goes_on_to_the_same_bits_though_the_clock_is_set_back(fresh, contents, request):
    undisturbed, broken_off = fresh(), fresh()
    made = job.prepare(WORDS)
    data = load_data(made.config)
    experiment.run(made, undisturbed, data)
    request.getfixturevalue("set_back")
    asked = iter([False] * 4 + [True] * 10**6)
    with pytest.raises(Stopped):
        experiment.run(made, broken_off, data, stop_asked=lambda: next(asked))
    experiment.run(made, broken_off, data, resume=True)
    assert contents(broken_off) == contents(undisturbed)
    status = json.loads((broken_off / "status.json").read_text())
    assert status["ended_at"] < status["started_at"]
    assert find_runs(broken_off)[0].finished
    assert all(row["seconds"] > 0 for row in find_runs(broken_off)[0].timing)


def test_commands_report_and_list_what_was_trained_while_the_clock_was_set_back(cli, set_back):
    assert cli("train", *WORDS, "--name", "a").code == 0
    assert cli("sweep", "seed=0,1", *WORDS, "--name", "s", "launcher=serial").code == 0
    assert cli("sweep", "--resume", "runs/s", "launcher=serial").code == 0
    assert cli("report", "runs/a").code == 0
    listed = json.loads(cli("runs", "-f", "json").out)
    assert [one["status"] for one in listed] == ["finished"] * 3


def test_a_folder_named_by_a_time_that_was_there_before_is_another_one(cli, monkeypatch):
    monkeypatch.setattr("moe_lab.store.folders._time", lambda: "2030-01-01_00-00-00")
    words = [*WORDS, "--no-report", "-q"]
    assert [cli("train", *words).out.strip() for _ in range(2)] == [
        "runs/2030-01-01_00-00-00",
        "runs/2030-01-01_00-00-00_2",
    ]
