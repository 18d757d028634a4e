"""What a study prints while it trains its jobs in several sweeps."""

from moe_lab.cli.sweep_progress import Lines
from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.studies.stretches import InStretches


def outcome(name, state):
    return Outcome(name, state, "", {}, {}, 1.0 if state == "finished" else 0.0)


def test_jobs_that_have_just_ended_are_not_done_already(capsys):
    """Three settings choose; one of them is reported too, and the last has failed and is tried again."""
    watch = InStretches(Lines())
    watch.begin([outcome("old", "finished"), outcome("a", "planned"), outcome("b", "planned")], outcome)
    for one in (outcome("a", "finished"), outcome("b", "failed")):
        watch.ended(one)
    watch.close()
    first = capsys.readouterr().out.splitlines()
    assert first[0] == "1 of 3 jobs are done already"
    assert [line[:11] for line in first[1:]] == ["1/2  finish", "2/2  failed"]
    watch.begin([outcome(*one) for one in (("old", "finished"), ("a", "finished"), ("b", "failed"))], outcome)
    watch.ended(outcome("b", "finished"))
    watch.close()
    assert capsys.readouterr().out.startswith("1/1  finished  b")
    watch.begin([outcome(name, "finished") for name in ("old", "a", "b")], outcome)
    watch.close()
    assert capsys.readouterr().out == ""


def test_jobs_of_an_earlier_session_are_done_already_once(capsys):
    watch, jobs = InStretches(Lines()), [outcome("a", "finished"), outcome("b", "finished")]
    for _ in range(2):
        watch.begin(jobs, outcome)
        watch.close()
    assert capsys.readouterr().out == "2 of 2 jobs are done already\n"
