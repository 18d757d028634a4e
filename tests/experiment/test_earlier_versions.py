"""Folders that an earlier version left: configs name parts by modules that have moved, keys have no format, and what is
``auto_filled`` now is ``left_open``."""

import json

import pytest
import torch
import yaml

import moe_lab
from moe_lab.config.differences import of_earlier_format
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.reports import write_run_report
from moe_lab.store import checkpoint
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import plan
from moe_lab.training.watch import Stopped, Watch

WORDS = ["gate=attentive", "regularizer=[importance]", "trainer.epochs=2", "trainer.limit_batches=3"]
KEY = "0123456789abcdef" * 4


def aged(text: str) -> str:
    return text.replace("moe_lab.parts.", "moe_lab.").replace('"auto_filled"', '"left_open"')


def age(folder):
    """Write a run's files as they were before parts moved and keys had a format."""
    config = folder / "config.yaml"
    config.write_text(aged(config.read_text()))
    assert "moe_lab.gates.composed" in config.read_text() and "moe_lab.parts" not in config.read_text()
    status = json.loads(aged((folder / "status.json").read_text()))
    assert status["left_open"] == ["k", "gate.combine", "trainer.dispatch"]
    # what a file holds counts here, not that it was written anew
    (folder / "status.json").write_text(json.dumps({**status, "key": KEY, "checksums": {}}))
    state = checkpoint.load(folder)
    checkpoint.save(folder, {**state, "keys": [KEY]})


class AfterThree(Watch):
    """Asks for a stop after three steps."""

    steps = 0

    def batch(self, epoch, batch, loss):
        self.steps += 1

    def __call__(self) -> bool:
        return self.steps >= 3


@pytest.fixture
def whole(tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    made = job.prepare(WORDS)
    experiment.run(made, folder, load_data(made.config))
    return folder


def test_a_finished_run_loads_reports_and_is_varied(whole):
    now = moe_lab.load(whole).model().state_dict()
    age(whole)
    opened = moe_lab.load(whole)
    model = opened.model()
    assert all(torch.equal(tensor, now[name]) for name, tensor in model.state_dict().items())
    write_run_report(opened)
    assert (whole / "report.html").stat().st_size > 10_000
    assert job.stored_job(opened).key == KEY
    assert job.prepare_from(opened, []) == job.prepare(WORDS)
    assert job.prepare_from(opened, ["seed=1"]).differs == job.prepare([*WORDS, "seed=1"]).differs


def test_an_interrupted_run_goes_on(whole, tmp_path, same_bytes):
    folder = tmp_path / "half"
    folder.mkdir()
    made, stop = job.prepare(WORDS), AfterThree()
    with pytest.raises(Stopped):
        experiment.run(made, folder, load_data(made.config), watch=stop, stop_asked=stop)
    age(folder)
    stored = job.stored_job(Run(folder))
    experiment.run(stored, folder, load_data(stored.config), resume=True)
    same_bytes(folder, whole)
    assert Run(folder).status["key"] == KEY
    written = json.loads((folder / "status.json").read_text())
    assert written["auto_filled"] == made.auto_filled and "left_open" not in written


def test_a_sweep_goes_on(tmp_path):
    sweep = SweepFolder(tmp_path / "sweep")
    sweep.path.mkdir()
    made = plan([*WORDS[2:], "seed=0,1"])
    sweep.write_plan(made)
    stored = json.loads(aged((sweep.path / "plan.json").read_text()))
    for number, one in enumerate(stored["jobs"]):
        one["key"] = KEY[number:] + KEY[:number]
    (sweep.path / "plan.json").write_text(json.dumps(stored))
    opened = sweep.read_plan()
    assert [planned.job.config for planned in opened.jobs] == [planned.job.config for planned in made.jobs]
    assert [planned.job.key for planned in opened.jobs] == [one["key"] for one in stored["jobs"]]
    assert stored["jobs"][0]["left_open"] == made.jobs[0].job.auto_filled == opened.jobs[0].job.auto_filled
    sweep.lay_out(opened)
    assert [sweep.outcome(planned).state for planned in opened.jobs] == ["planned", "planned"]


def test_what_an_earlier_key_looks_like():
    assert of_earlier_format(KEY) and not of_earlier_format(job.prepare([]).key)
    assert not of_earlier_format(None) and not of_earlier_format(KEY[1:])


def test_a_stored_config_of_today_is_the_same_config(whole):
    assert Run(whole).config == yaml.safe_load((whole / "config.yaml").read_text())
