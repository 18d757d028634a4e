"""Two versions of moe-lab on one folder: what an earlier one has left is gone on with, and what a later one has written
is used, or refused in one line, and left as it is."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.training.watch import Stopped

WORDS = ["trainer.epochs=4", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]
#: keys of later versions in what the first ones wrote
LATER_FACTS, LATER_STATE = (
    ("auto_filled", "checksums", "choices"),
    ("shape", "classes", "class_names", "units"),
)


def edit(path: Path, change) -> None:
    read, write = (yaml.safe_load, yaml.safe_dump) if path.suffix == ".yaml" else (json.loads, json.dumps)
    content = read(path.read_text())
    change(content)
    path.write_text(write(content))


def stopped(folder: Path) -> Path:
    made = job.prepare(WORDS)
    asked = iter([False] * 4 + [True] * 10**6)
    with pytest.raises(Stopped):
        experiment.run(made, folder, load_data(made.config), stop_asked=lambda: next(asked))
    return folder


def without(names):
    return lambda content: [content.pop(name, None) for name in names]


def test_a_run_of_an_earlier_version_goes_on_to_the_same_bits(cli, fresh, contents):
    undisturbed, older = fresh(), stopped(fresh())
    made = job.prepare(WORDS)
    experiment.run(made, undisturbed, load_data(made.config))
    edit(older / "status.json", without(LATER_FACTS))
    for path in older.glob("checkpoint*.pt"):
        state = torch.load(path, weights_only=True)
        without(LATER_STATE)(state)
        torch.save(state, path)
    assert cli("train", "--resume", older).code == 0
    ours, theirs = contents(undisturbed), contents(older)
    for name in ("history.csv", "metrics.json", "routing.npz", "checkpoint.pt"):
        assert ours[name] == theirs[name], name
    for command in (["report", older], ["runs", older], ["train", "--from", older, "seed=1", "--no-report"]):
        assert cli(*command).code == 0, command


@pytest.mark.parametrize("place", ["status.json", "metrics.json", "environment.json"])
def test_facts_of_a_later_version_that_this_one_does_not_know_are_no_trouble(place, cli, fresh):
    made = job.prepare(WORDS)
    folder = fresh()
    experiment.run(made, folder, load_data(made.config))
    edit(folder / "status.json", lambda facts: facts.update(checksums={}))
    later = {"value": 0.5, "unit": "bits"} if place == "metrics.json" else {"of_a_later_version": [1]}
    edit(folder / place, lambda content: content.update(later_fact=later))
    for command in (["report", folder], ["runs", folder], ["train", "--from", folder, "seed=1", "--no-report"]):
        assert cli(*command).code == 0, command


def test_a_config_of_a_later_version_is_refused_in_one_line_and_left_as_it_is(cli, fresh, stamps):
    folder = stopped(fresh())
    edit(folder / "status.json", lambda facts: facts.update(checksums={}))
    edit(folder / "config.yaml", lambda config: config["trainer"].update(of_a_later_version=1))
    before = {path: one for path, one in stamps(folder).items() if not path.endswith("claim")}
    for command in (["train", "--resume", folder], ["train", "--from", folder, "seed=1"]):
        result = cli(*command)
        assert result.code == 2 and result.err.count("\n") == 1, result
        assert "config.yaml: no such key 'trainer.of_a_later_version'" in result.err
    assert {path: one for path, one in stamps(folder).items() if not path.endswith("claim")} == before
    # what was measured is shown all the same
    assert cli("runs", folder).code == 0


def test_a_plan_of_another_version_is_refused_and_its_jobs_are_left_as_they_are(cli, tmp_path, stamps):
    """The same config with a key of another version is not trained again beside the stored run."""
    assert cli("sweep", "seed=0,1", *WORDS, "--name", "s", "launcher=serial").code == 0
    sweep = tmp_path / "cwd" / "runs" / "s"
    edit(sweep / "plan.json", lambda plan: plan["jobs"][0].update(key="3-" + "0" * 64))
    before = {path: one for path, one in stamps(sweep).items() if not path.endswith("lock")}
    for command in (["sweep", "--resume", "runs/s"], ["sweep", "seed=0,1,2", *WORDS, "--name", "s"]):
        result = cli(*command)
        assert result.code == 2 and result.err.count("\n") == 1, result
        assert "written by another version of moe-lab; give the sweep another --name" in result.err
    assert {path: one for path, one in stamps(sweep).items() if not path.endswith("lock")} == before
    assert cli("report", "runs/s").code == 0
    shutil.rmtree(sweep)
