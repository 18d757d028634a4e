"""A sweep from Python: planned without writing, extended by its name, taken up by its folder."""

from dataclasses import replace

import pytest

from moe_lab.errors import ConfigError, RunError
from moe_lab.store.folders import Taken
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.sweep import new_sweep, resumed_sweep

SHORT = ["trainer.epochs=1", "trainer.limit_batches=1", "launcher=serial"]
TWO = ["gate=softmax,attentive", *SHORT]


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def done(runs, pretend):
    """The folder of a sweep of two jobs, one of which has failed."""
    launcher = pretend(lambda planned: "failed" if "attentive" in planned.name else "finished")
    sweep = replace(new_sweep(TWO, runs, "gates"), launcher=launcher)
    outcomes, said = sweep.run(sweep.claim())
    assert [one.state for one in outcomes] == ["finished", "failed"] and said == ""
    return runs / "gates"


def test_planning_writes_nothing(runs):
    sweep = new_sweep(TWO, runs, "gates")
    assert len(sweep.plan.jobs) == 2 and sweep.there is None and isinstance(sweep.launcher, Serial)
    # launcher words are no part of a job
    assert sweep.plan.words == TWO[:-1] and not runs.exists()
    assert sweep.claim() == runs / "gates"


def test_jobs_are_trained_from_python(runs):
    sweep = new_sweep(TWO, runs)
    folder = sweep.claim()
    outcomes, _ = sweep.run(folder)
    assert [one.state for one in outcomes] == ["finished"] * 2
    assert all((folder / "jobs" / one.name / "metrics.json").is_file() for one in outcomes)


def test_a_sweep_of_the_same_name_is_extended(runs, done, pretend):
    more = new_sweep(["gate=softmax,relu", *SHORT], runs, "gates")
    assert more.there.path == done == more.claim()
    assert [one.words[0] for one in more.plan.jobs] == ["gate=softmax", "gate=attentive", "gate=relu"]
    launcher = pretend()
    replace(more, launcher=launcher).run(done)
    # what has finished is not done again
    assert launcher.done == [one.name for one in more.plan.jobs[1:]]


def test_again_takes_a_new_folder(runs, done):
    sweep = new_sweep(TWO, runs, "gates", again=True)
    assert sweep.there is None and len(sweep.plan.jobs) == 2
    assert sweep.claim() == runs / "gates_2"
    assert resumed_sweep(done, [], runs, again=True).claim() == runs / "gates_3"


def test_a_sweep_is_resumed_by_its_folder(done, pretend, tmp_path):
    sweep = resumed_sweep(done, ["launcher=serial"], tmp_path / "elsewhere")
    assert sweep.claim() == done and isinstance(sweep.launcher, Serial)
    launcher = pretend()
    outcomes, _ = replace(sweep, launcher=launcher).run(done)
    assert launcher.done == [sweep.plan.jobs[1].name] and all(one.ended for one in outcomes)
    assert not (tmp_path / "elsewhere").exists()


def test_another_sweep_that_has_begun_in_the_meantime_is_told_from_a_stranger(runs):
    sweep, late = new_sweep(TWO, runs, "gates"), new_sweep(TWO, runs, "gates")
    folder = sweep.claim()
    # nothing is in it yet: a sweep that was stopped, or is about to begin
    assert late.claim() == folder
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(Taken, match="exists already"):
        late.claim()
    SweepFolder(folder).write_plan(sweep.plan)
    assert late.claim() == folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "a sweep needs overrides"),
        (["launcher=serial"], "a sweep needs overrides"),
        (["gate=softmax", "launcher=nosuch"], "nosuch"),
        (["gate=softmax,nosuch"], "nosuch"),
    ],
)
def test_words_that_make_no_sweep(runs, words, message):
    with pytest.raises(ConfigError, match=message):
        new_sweep(words, runs, "gates")
    assert not runs.exists()


def test_names_and_folders_that_are_no_sweep(runs, done):
    with pytest.raises(RunError, match="cannot name a folder"):
        new_sweep(TWO, runs, "../gates")
    (runs / "other").mkdir()
    (runs / "other" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="is not a sweep's folder"):
        new_sweep(TWO, runs, "other")
    with pytest.raises(RunError, match="is not a sweep's folder"):
        resumed_sweep(runs / "other", [], runs)
    with pytest.raises(ConfigError, match="--resume takes the sweep's own plan: leave out --name"):
        resumed_sweep(done, ["gate=softmax"], runs)
