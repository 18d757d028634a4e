"""A study from Python: what is trained in which order, what is found, and what a stop or a failure leaves."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from moe_lab.errors import ConfigError, RunError
from moe_lab.store.run import Run, find_runs
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.run import SweepWatch
from moe_lab.sweeps.studies.run import ready_study, run_study
from moe_lab.sweeps.studies.study import Parts
from moe_lab.training.watch import Stopped

SMALL = """
# Two rates, and a student.
title: Two rates
source: nobody 2026
seeds: 2
against: plain
metrics: {test_error_rate: test error}
arms:
  plain:
    words: [trainer.epochs=1, trainer.limit_batches=2]
    fair: {trainer.lr: [1e-5, 1e-2]}
  student:
    words: [recipe=distillation, trainer.epochs=1, trainer.limit_batches=2]
    teacher: plain
fair: {tuning_seeds: [7, 8]}
published: [{rows: {plain: {best: {test_error_rate: 0.5}, of: 2}}}]
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "study").mkdir()
    (folder / "study" / "small.yaml").write_text(SMALL)
    return folder


@pytest.fixture
def ready_for(own, tmp_path):
    def make(*words, **options):
        return ready_study("small", [*words, "launcher=serial"], tmp_path / "runs", parts=Parts(own), **options)

    return make


class Stretches(SweepWatch):
    """Keeps the jobs that each stretch had to do; asks to stop after ``stop_after`` jobs in all."""

    def __init__(self, stop_after: int = 1000) -> None:
        self.todo: list[list[str]] = []
        self._left = stop_after

    def begin(self, outcomes, read):
        self.todo.append([one.name for one in outcomes if not one.ended])

    def ended(self, outcome):
        self._left -= 1

    def stop_asked(self) -> bool:
        return self._left <= 0


def test_making_one_ready_writes_nothing(ready_for, tmp_path):
    ready = ready_for(quick=True)
    assert ready.folder == tmp_path / "runs" / "small-quick"
    assert isinstance(ready.launcher, Serial) and not (tmp_path / "runs").exists()
    assert ready.command == ("moe-lab", "study", "small", "launcher=serial", "--quick")
    # the student waits for its teacher
    assert [(trial.arm, trial.seed, trial.aside) for trial in ready.first] == [("plain", 0, False), ("plain", 1, False)]
    fair = ready_for("protocol=fair")
    # two settings over two tuning seeds
    assert [(trial.seed, trial.aside) for trial in fair.first] == [(7, True), (8, True)] * 2
    assert ready_for(folder_name="mine").folder == tmp_path / "runs" / "mine"
    with pytest.raises(RunError, match="cannot name a folder"):
        ready_for(folder_name="../mine")


def test_a_fair_comparison_trains_its_settings_then_its_arms_then_the_students(ready_for):
    ready, watch, bad = ready_for("protocol=fair"), Stretches(), []
    found = run_study(ready, watch=watch, unfinished=bad.append)
    assert found.complete and found.left_out == [] == bad
    # 2 settings x 2 tuning seeds; over 2 seeds plain, which is the student's teacher, then the student
    assert [len(names) for names in watch.todo] == [4, 2, 2]
    errors: dict[str, list[float]] = {}
    for trial in ready.first:
        history = Run(ready.folder / "jobs" / trial.job.name).history_rows
        errors.setdefault(" ".join(trial.setting), []).append(history[-1]["validation_error_rate"])
    best = min(errors, key=lambda setting: mean(errors[setting]))
    facts = json.loads((ready.folder / "study.json").read_text())
    assert {arm: one["settings"] for arm, one in facts["arms"].items()} == {"plain": [best], "student": [best]}
    assert [(line["arm"], line["n"]) for line in found.tables.levels] == [("plain", 2), ("student", 2)]
    means = []
    for line, names in zip(found.tables.levels, watch.todo[1:], strict=True):
        assert all(name.startswith(line["arm"]) for name in names)
        runs = [Run(ready.folder / "jobs" / name) for name in names]
        means.append(mean(run.metrics["test_error_rate"]["value"] for run in runs))
        assert line["mean"] == pytest.approx(means[-1])
    [difference] = found.tables.differences
    assert difference["arm"] == "student" and difference["mean"] == pytest.approx(means[1] - means[0])
    assert "moe-lab study small protocol=fair launcher=serial" in (ready.folder / "study.md").read_text()
    # the same call does nothing again
    again = Stretches()
    assert run_study(ready_for("protocol=fair"), watch=again) == found and again.todo == [[], [], []]


@pytest.fixture
def begun(ready_for, pretend):
    """The folder of a study of these words, none of whose runs finished."""

    def begin(*words, **options):
        ready = replace(ready_for(*words, **options), launcher=pretend(lambda job: "failed"))
        run_study(ready)
        return ready.folder

    return begin


def test_a_folder_has_the_runs_of_one_command(begun, ready_for, own):
    folder = begun("trainer.lr=0.1", "k=3", folder_name="mine")
    # another order, a default that is typed, and another launcher
    again = ["protocol=paper", "k=3", "trainer.lr=0.1", "launcher=processes", "launcher.workers=2"]
    assert ready_study("small", again, folder.parent, "mine", parts=Parts(own)).folder == folder
    told = r"mine has the runs of another command, moe-lab study small k=3 trainer\.lr=0\.1: .*--name"
    for words in ([], ["k=3"], ["k=3", "trainer.lr=0.2"], ["k=3", "trainer.lr=0.1", "protocol=fair"]):
        with pytest.raises(RunError, match=told):
            ready_for(*words, folder_name="mine")
    with pytest.raises(RunError, match=told):
        ready_for("k=3", "trainer.lr=0.1", folder_name="mine", quick=True)
    begun("k=3", folder_name="fast", quick=True)
    assert ready_for("k=3", folder_name="fast", quick=True).folder.name == "fast"
    with pytest.raises(RunError, match="moe-lab study small k=3 --quick"):
        ready_for("k=3", folder_name="fast")


def test_the_folder_of_a_sweep_is_no_studys(ready_for, tmp_path):
    plan = {"words": ["gate=softmax,top_k"], "jobs": []}
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(RunError, match="another command, moe-lab sweep gate=softmax,top_k: "):
        ready_for(folder_name="mine")


def test_a_folder_of_an_earlier_version_goes_on_by_its_pages(begun, ready_for):
    """Its plan has the study's name alone."""
    folder = begun("k=3", folder_name="mine")
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"words": ["small"]}))
    assert ready_for("k=3", folder_name="mine").folder == folder
    with pytest.raises(RunError, match="another command, moe-lab study small k=3: "):
        ready_for(folder_name="mine")
    begun("k=3", folder_name="mine")
    assert json.loads((folder / "plan.json").read_text())["words"] == ["small", "moe-lab study small k=3"]
    assert ready_for("k=3", folder_name="mine").folder == folder
    (folder / "plan.json").write_text(json.dumps(plan | {"words": ["small"]}))
    (folder / "study.json").write_text("{}")
    assert ready_for(folder_name="mine").folder == folder


def test_both_protocols_have_a_folder_each(ready_for):
    assert [ready_for(f"protocol={one}").folder.name for one in ("paper", "fair")] == ["small", "small-fair"]


def test_a_stop_leaves_what_is_done_and_the_same_call_goes_on(ready_for):
    ready = ready_for("protocol=fair")
    with pytest.raises(Stopped):
        run_study(ready, stop_asked=lambda: True)
    assert not ready.folder.exists()
    watch = Stretches(stop_after=2)
    with pytest.raises(Stopped):
        run_study(ready, watch=watch, stop_asked=watch.stop_asked)
    assert len(watch.todo) == 1 and not (ready.folder / "study.md").exists()
    assert sum(run.finished for run in find_runs(ready.folder)) == 2
    watch = Stretches()
    assert run_study(ready, watch=watch).complete
    assert [len(names) for names in watch.todo] == [2, 2, 2]


def test_a_teacher_that_fails_has_no_student(ready_for, pretend):
    ready, watch, bad = ready_for(), Stretches(), []
    found = run_study(replace(ready, launcher=pretend(lambda job: "failed")), watch=watch, unfinished=bad.append)
    assert not found.complete and len(watch.todo) == 1
    assert [(one.state, one.reason) for one in bad] == [("failed", "it failed")] * 2
    assert (ready.folder / "study.md").is_file() and all(line["n"] == 0 for line in found.tables.levels)


def test_a_fair_comparison_without_a_setting_says_what_failed_first(ready_for, pretend):
    ready, bad = ready_for("protocol=fair"), []
    ready = replace(
        ready, launcher=pretend(lambda job: "failed" if job.name.endswith(ready.first[0].job.name) else "lost")
    )
    with pytest.raises(ConfigError, match="arm plain: no setting finished on all tuning seeds"):
        run_study(ready, unfinished=bad.append)
    assert [one.state for one in bad] == ["failed", "lost", "lost", "lost"]
