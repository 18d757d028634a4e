"""What run_sweep keeps: one job once, states by recorded outcome, nothing finished is done again."""

import json
from pathlib import Path

import pytest

from moe_lab.errors import ConfigError, RunError
from moe_lab.store.claim import Held, claimed
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import SweepWatch, run_sweep


def states(outcomes):
    return [one.state for one in outcomes]


def test_the_plan_is_written_first_and_read_again_as_it_was(pretend, small, folder):
    class Look(SweepWatch):
        def begin(self, outcomes, read):
            assert states(outcomes) == ["planned"] * 4
            stored = json.loads((folder / "plan.json").read_text())
            assert [one["config"] for one in stored["jobs"]] == [one.job.config for one in small.jobs]
            for planned in small.jobs:
                job = folder / "jobs" / planned.name
                assert json.loads((job / "status.json").read_text())["status"] == "planned"
                assert (job / "config.yaml").is_file()

    launcher = pretend()
    outcomes = run_sweep(small, folder, launcher, watch=Look())
    assert states(outcomes) == ["finished"] * 4 and launcher.done == [one.name for one in small.jobs]
    assert SweepFolder(folder).read_plan() == small
    lines = (folder / "summary.csv").read_text().splitlines()
    assert lines[0].startswith("job,status,") and lines[0].endswith(",test_error_rate,error")
    assert {"gate", "seed"} <= set(lines[0].split(","))
    assert len(lines) == 5 and all(line.split(",finished,")[1].endswith(",0.25,") for line in lines[1:])


def test_what_has_ended_is_left_alone_and_the_rest_is_done_again(pretend, small, folder):
    fates = dict(zip([one.name for one in small.jobs], ["finished", "diverged", "failed", "lost"], strict=True))
    outcomes = run_sweep(small, folder, pretend(lambda planned: fates[planned.name]))
    assert states(outcomes) == ["finished", "diverged", "failed", "lost"]
    assert outcomes[2].reason == "it failed" and outcomes[3].reason == "its worker died"
    before = [(folder / "jobs" / one.name / "status.json").read_bytes() for one in small.jobs[:2]]
    again = pretend()
    assert states(run_sweep(small, folder, again)) == ["finished", "diverged", "finished", "finished"]
    assert again.done == [one.name for one in small.jobs[2:]]
    assert before == [(folder / "jobs" / one.name / "status.json").read_bytes() for one in small.jobs[:2]]


def test_a_later_sweep_in_the_same_folder_extends_it(pretend, small, folder):
    run_sweep(small, folder, pretend())
    more = plan(["gate=softmax", "seed=1,2", "trainer.epochs=1", "trainer.limit_batches=1"])
    launcher = pretend()
    outcomes = run_sweep(more, folder, launcher)
    assert launcher.done == [more.jobs[1].name] and len(outcomes) == 5
    assert len(SweepFolder(folder).read_plan().jobs) == 5


@pytest.mark.parametrize("fate", ["failed", "lost"])
def test_fail_fast_stops_at_the_first_failure(pretend, small, folder, fate):
    launcher = pretend(lambda planned: fate)
    outcomes = run_sweep(small, folder, launcher, fail_fast=True)
    assert states(outcomes) == [fate, "planned", "planned", "planned"] and len(launcher.done) == 1


def test_a_diverged_run_is_an_outcome(pretend, small, folder):
    outcomes = run_sweep(small, folder, pretend(lambda planned: "diverged"), fail_fast=True)
    assert states(outcomes) == ["diverged"] * 4


def test_a_second_process_is_told_who_holds_the_sweep(pretend, small, folder):
    with claimed(folder / "lock"), pytest.raises(Held, match=r"is in use by process \d+ on "):
        run_sweep(small, folder, pretend())
    assert not (folder / "plan.json").exists()


@pytest.fixture
def stored(small, folder):
    """Changes plan.json, and reads it again."""
    SweepFolder(folder).write_plan(small)

    def change(edit):
        plan_file = folder / "plan.json"
        content = json.loads(plan_file.read_text())
        edit(content)
        plan_file.write_text(json.dumps(content))
        return SweepFolder(folder).read_plan()

    return change


WRONG = {
    "a changed value": lambda plan: plan["jobs"][0]["config"].update(seed=9),
    "a changed key": lambda plan: plan["jobs"][0].update(key="2-" + "0" * 64),
    "a name that leads out": lambda plan: plan["jobs"][0].update(name="../../x-12345678"),
    "a class that is no part": lambda plan: plan["jobs"][0]["config"]["gate"].update(_target_="pathlib.Path.touch"),
    "an unknown key": lambda plan: plan["jobs"][0]["config"].update(hydra={"callbacks": {"x": 1}}),
    "a value out of range": lambda plan: plan["jobs"][0]["config"]["trainer"].update(lr=-1.0),
    "a job twice": lambda plan: plan["jobs"].append(plan["jobs"][0]),
    "no jobs": lambda plan: plan.pop("jobs"),
    "jobs that are none": lambda plan: plan.update(jobs=[3]),
    "choices that are none": lambda plan: plan["jobs"][0].update(choices=[1]),
    "words that are none": lambda plan: plan["jobs"][0].update(words={"a": 1}),
}


@pytest.mark.parametrize("edit", WRONG.values(), ids=WRONG)
def test_a_plan_that_was_changed_is_refused_with_one_line(stored, edit, folder):
    with pytest.raises((RunError, ConfigError), match="plan.json") as error:
        stored(edit)
    assert "\n" not in str(error.value) and not (folder / "jobs").exists()


def test_words_of_a_plan_are_never_replayed(stored):
    def hostile(plan):
        plan["words"] = plan["jobs"][0]["words"] = ["hydra.callbacks.x._target_=pathlib.Path.touch"]

    made = stored(hostile)
    assert made.jobs[0].job.config["gate"]["_target_"] == "moe_lab.parts.gates.composed.ComposedGate"


def test_a_job_that_is_a_link_is_refused(pretend, small, folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "jobs").mkdir()
    (folder / "jobs" / small.jobs[0].name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        run_sweep(small, folder, pretend())
    assert not list(Path(tmp_path, "elsewhere").iterdir())


def test_a_torn_status_is_a_lost_job_and_is_done_again(pretend, small, folder):
    run_sweep(small, folder, pretend())
    (folder / "jobs" / small.jobs[0].name / "status.json").write_text('{"status": "fini')
    launcher = pretend()
    assert states(run_sweep(small, folder, launcher)) == ["finished"] * 4 and launcher.done == [small.jobs[0].name]
