"""The commands as Python functions: the same folders, numbers and errors as on the command line."""

import doctest
import io
import os
import signal
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

import moe_lab
from moe_lab.training.watch import Watch

SHORT = {"trainer.epochs": 2, "trainer.limit_batches": 2}
SHORT_WORDS = ["trainer.epochs=2", "trainer.limit_batches=2"]
#: modules whose docstrings have examples for Python
WITH_EXAMPLES = ["moe_lab.cli.python", "moe_lab.experiment.predicting", "moe_lab.reports.plots"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_docstrings(name):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner, said = doctest.DocTestRunner(optionflags=flags), io.StringIO()
    tests = [one for one in doctest.DocTestFinder().find(import_module(name)) if one.examples]
    for one in tests:
        runner.run(one, out=said.write)
    assert tests and runner.failures == 0, said.getvalue()


def test_a_run_is_that_of_the_command(cli, same_bytes):
    run = moe_lab.train("gate=top_k", k=2, name="ours", report=False, **SHORT)
    assert cli("train", "gate=top_k", "k=2", *SHORT_WORDS, "--name", "theirs", "--no-report").code == 0
    same_bytes(run.path, Path("runs/theirs"))
    again = moe_lab.train(from_=run.path, seed=1, name="again", quiet=True)
    assert again.config == {**run.config, "seed": 1}
    assert (again.path / "report.html").is_file() and not (run.path / "report.html").exists()


def test_progress_is_printed_unless_quiet(capsys):
    moe_lab.train(name="a", report=False, **SHORT)
    assert "epoch 2/2" in capsys.readouterr().out
    moe_lab.train(name="b", report=False, quiet=True, **SHORT)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"gate": "atentive"}, "gate=atentive"),
        ({"trainer": {"epoch": 3}}, "trainer.epoch=3"),
        ({"seed": range(2)}, "seed=0,1"),
        ({"k": 2.5}, "k=2.5"),
    ],
    ids=str,
)
def test_errors_are_those_of_the_command(cli, keywords, word):
    with pytest.raises(moe_lab.ConfigError) as error:
        moe_lab.train(**keywords)
    result = cli("train", word)
    assert result.code == 2 and result.err == f"moe-lab: {error.value}\n"
    assert not os.path.exists("runs")


def test_an_interrupted_run_says_how_to_go_on(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    epoch = Watch.epoch
    monkeypatch.setattr(Watch, "epoch", lambda self, row: os.kill(os.getpid(), signal.SIGINT))
    Path("stopped_part.py").write_text("")
    with pytest.raises(
        KeyboardInterrupt, match=r"resume with moe_lab.train\(resume='runs/b', plugins=\['stopped_part.py'\]\)"
    ):
        moe_lab.train(name="b", quiet=True, plugins=["stopped_part.py"], **SHORT)
    with pytest.raises(KeyboardInterrupt, match=r"resume with moe_lab.train\(resume='runs/a'\)"):
        moe_lab.train(name="a", quiet=True, **SHORT)
    monkeypatch.setattr(Watch, "epoch", epoch)
    assert moe_lab.load("runs/a").status["status"] == "interrupted" and signal.getsignal(signal.SIGINT) == before
    with pytest.raises(moe_lab.ConfigError, match="--resume goes on"):
        moe_lab.train("seed=1", resume="runs/a")
    assert moe_lab.train(resume="runs/a", quiet=True).finished


def test_history_is_a_frame_of_its_rows():
    run = moe_lab.train(name="a", report=False, quiet=True, **{**SHORT, "dataset.validation_share": 0})
    assert run.history.epoch.tolist() == [1, 2]
    rows = pd.DataFrame(run.history_rows, dtype=float)
    pd.testing.assert_frame_equal(run.history.astype(float), rows)
    assert run.history.validation_loss_nats.isna().all()


def test_a_repr_is_short_and_shows_odd_text_harmlessly():
    run = moe_lab.train("gate=attentive", name="a", report=False, quiet=True, **SHORT)
    run = moe_lab.load(run.path.rename("runs/<b>a"))
    text, page = repr(run), run._repr_html_()
    assert (
        text.startswith("<run <b>a: finished, gate attentive, ") and text.endswith("; runs/<b>a>") and len(text) < 500
    )
    assert "<td>&lt;b&gt;a</td>" in page and "<b>" not in page and "<th>gate</th><td>attentive</td>" in page
    assert "test_error_rate" in text and "dead_experts" not in text and "<th>dead_experts</th>" in page
    error = run.metrics["test_error_rate"]["value"]
    assert f"<th>test_error_rate</th><td>{error:.4g}</td>" in page
    (run.path / "status.json").write_text("{")
    assert repr(moe_lab.load(run.path)) == "<run <b>a: unreadable; runs/<b>a>"


def test_a_frame_is_what_the_listing_prints(cli):
    swept = moe_lab.sweep(
        gate=("softmax", "attentive"), regularizer=([], ["importance"]), launcher="serial", name="both", **SHORT
    )
    assert len(swept.runs) == 4 and (swept.path / "report.html").is_file()
    result = cli("runs", "runs/both", "-f", "csv")
    pd.testing.assert_frame_equal(swept.frame, pd.read_csv(io.StringIO(result.out)), check_dtype=False)
    assert set(swept.frame.regularizer) == {"[]", "[importance]"}
    assert swept.frame.test_error_rate.tolist() == [run.metrics["test_error_rate"]["value"] for run in swept.runs]
    with pytest.raises(moe_lab.RunError, match="a sweep's folder, not a run's: moe_lab.load_sweep opens it"):
        moe_lab.load("runs/both")
    again = moe_lab.load_sweep("runs/both")
    pd.testing.assert_frame_equal(again.frame, swept.frame)
    assert again.report(against="gate=softmax regularizer=[]") == again.path / "report.html"
    assert "<table" in swept._repr_html_()


def test_a_sweep_is_extended_and_resumed(capsys):
    words = {"launcher": "serial", "name": "seeds", "report": False, "quiet": True, **SHORT}
    assert len(moe_lab.sweep(seed=range(1), **words).frame) == 1
    assert len(moe_lab.sweep(seed=range(2), **words).frame) == 2
    assert len(moe_lab.sweep("launcher=serial", resume="runs/seeds", report=False, quiet=True).frame) == 2
    assert capsys.readouterr() == ("", "")
    for arguments in ({"resume": "runs/seeds", "name": "seeds"}, {"resume": "runs/seeds", "seed": 3}):
        with pytest.raises(moe_lab.ConfigError, match="--resume takes the sweep's own plan"):
            moe_lab.sweep(**arguments)


def test_what_is_no_sweep():
    moe_lab.train(name="a", report=False, quiet=True, **SHORT)
    for path in ("nowhere", "runs/a"):
        with pytest.raises(moe_lab.RunError, match="is not a sweep's folder"):
            moe_lab.load_sweep(path)


STUDY = """
title: Two gates
source: nobody 2026
seeds: 2
against: plain
metrics: {test_error_rate: test error}
arms:
  plain: {words: [gate=softmax, trainer.epochs=1, trainer.limit_batches=2]}
  attentive: {words: [gate=attentive, trainer.epochs=1, trainer.limit_batches=2]}
"""


def test_a_study_is_that_of_the_command(cli, tmp_path):
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "two.yaml").write_text(STUDY)
    found = moe_lab.study("two", launcher="serial", config_dir=tmp_path / "conf", quiet=True)
    assert repr(found) == "<study two: complete; runs/two>"
    stored = pd.read_csv("runs/two/study.csv").dropna(axis="columns", how="all")
    assert {"arm", "mean", "n"} <= {*stored.columns}
    pd.testing.assert_frame_equal(found.levels[stored.columns], stored, check_dtype=False)
    assert found.levels.arm.tolist() == ["plain", "attentive"] and found.differences.arm.tolist() == ["attentive"]
    assert found._repr_html_().startswith("<table")
    # the command finds everything done
    result = cli("study", "two", "launcher=serial", "--config-dir", str(tmp_path / "conf"), "-f", "csv")
    assert result.code == 0 and "4 of 4 jobs are done already" in result.out
    with pytest.raises(moe_lab.ConfigError, match="Did you mean two"):
        moe_lab.study("tow", config_dir=tmp_path / "conf")
