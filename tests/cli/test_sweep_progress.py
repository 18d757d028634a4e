"""What a sweep prints while it goes on."""

import os

import pytest

from moe_lab.cli.sweep import _say_stopped, _standing
from moe_lab.cli.sweep_progress import Lines, quality
from moe_lab.sweeps.folder import Outcome


def outcome(name, state, share=0.0):
    return Outcome(name, state, "its state is saved" if state == "interrupted" else "", {}, {}, share)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test sets."""
    now = [0.0]
    monkeypatch.setattr("moe_lab.cli.sweep_progress.time.monotonic", lambda: now[0])
    return now


def test_the_time_left_is_known_before_the_first_job_ends(clock):
    lines = Lines()
    lines.begin([outcome("a", "planned"), outcome("b", "interrupted", 0.5), outcome("c", "finished", 1.0)], outcome)
    assert lines.counts() == "1/3 done"
    lines._states["a"], lines._shares = "running", {**lines._shares, "a": 0.25}
    clock[0] = 30.0
    # a quarter of a job took 30 s; 3/4 of a and 1/2 of b are left: 5 quarters
    assert lines.counts() == "1/3 done, 1 running, 0:02:30 left"


def test_a_stopped_job_is_not_counted_among_the_ended(clock, capsys):
    lines = Lines()
    lines.begin([outcome("a", "planned"), outcome("b", "planned")], outcome)
    clock[0] = 10.0
    lines.ended(outcome("a", "finished", 1.0))
    lines.ended(outcome("b", "interrupted", 0.5))
    _say_stopped([outcome("a", "finished"), outcome("b", "interrupted")], "go on")
    printed = capsys.readouterr()
    assert printed.out == "1/2  finished  a  (0:00:10 left)\ninterrupted  b  its state is saved\n"
    assert printed.err == "moe-lab: stopped, 1 of 2 jobs are left; go on\n"


@pytest.mark.parametrize(
    ("headline", "said"),
    [
        ({"test_error_rate": 0.0333, "worst_class_error_rate": 0.1}, "error 3.3 %"),
        ({"test_loss_nats": 2.345, "test_error_rate": 0.7}, "loss 2.35 nats a token"),
        ({"test_rmse_sd": 0.5, "test_loss_nats": 1.0}, "RMSE 0.50 sd"),
        ({}, ""),
    ],
)
def test_a_line_says_how_good_a_run_is(headline, said):
    """The wrong tokens of a language model say less than its loss."""
    assert quality(headline).replace("\N{NO-BREAK SPACE}", " ") == said


def test_a_report_stands_while_no_job_has_changed(tmp_path):
    status, page = tmp_path / "jobs" / "a" / "status.json", tmp_path / "report.html"
    status.parent.mkdir(parents=True)
    status.touch()
    assert _standing(tmp_path) is None
    page.touch()
    os.utime(status, ns=(1, 1))
    assert _standing(tmp_path) == page
    os.utime(page, ns=(0, 0))
    assert _standing(tmp_path) is None
