"""Entries of a folder of runs that no run has written: a folder, a pipe or a device in the place of a file, names that
are no text, numbers that are none. Each is named and left out, and what stands beside it is listed and reported."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store.run import Run, Unreadable
from moe_lab.store.untrusted import Unusable, read_json


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    folder.mkdir()
    made = job.prepare(["trainer.epochs=1", "trainer.limit_batches=2"])
    experiment.run(made, folder, load_data(made.config))
    return folder


def folder(path: Path) -> None:
    path.mkdir()


def null_device(path: Path) -> None:
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


ODD = [folder, os.mkfifo, null_device, link_to_nothing, link_to_itself]


def listed(cli, path: str = "runs") -> dict[str, str]:
    """run -> status, the same in every form."""
    result = cli("runs", path, "-f", "json")
    assert result.code == 0, result
    assert cli("runs", path).code == cli("runs", path, "-f", "csv").code == cli("runs", path, "-f", "md").code == 0
    return {row["run"]: row["status"] for row in json.loads(result.out)}


@pytest.mark.parametrize("make", ODD)
def test_a_status_that_is_no_file_hides_no_other_run(cli, finished, tmp_path, make):
    runs = tmp_path / "cwd/runs"
    shutil.copytree(finished, runs / "good")
    (runs / "odd").mkdir()
    try:
        make(runs / "odd/status.json")
        make(runs / "status.json")
    except PermissionError:
        pytest.skip("devices are made by root only")
    assert listed(cli) == {".": "unreadable", "good": "finished", "odd": "unreadable"}
    report = cli("report", "runs", "--out", "compared")
    assert report.code == 0 and "1 of 1 run finished" in report.out, report
    assert [line.count("status.json") for line in report.err.splitlines()] == [1, 1], report
    for words in (("report", "runs/odd"), ("train", "--resume", "runs/odd"), ("train", "--from", "runs/odd")):
        refused = cli(*words)
        assert refused.code == 2 and refused.err.count("\n") == 1 and "runs/odd/" in refused.err, refused


def test_a_name_that_is_no_utf8_is_shown_and_reported(cli, finished, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    shutil.copytree(finished, tmp_path / "cwd/runs/good")
    shutil.copytree(finished, tmp_path / "cwd/runs" / name)
    assert listed(cli) == {name: "finished", "good": "finished"}
    assert cli("report", "runs", "--out", "compared").code == cli("report", f"runs/{name}").code == 0
    for page in (tmp_path / "cwd/compared/report.md", tmp_path / "cwd/runs" / name / "report.html"):
        assert "udce9" in page.read_text(encoding="utf-8")
    assert r"caf\udce9" in (tmp_path / "cwd/compared/runs.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", ["9" * 4000, "1e999", "-1e999", "1e300", str(2**80)])
def test_a_number_that_no_run_can_have_measured_hides_no_other_run(cli, finished, tmp_path, number):
    runs = tmp_path / "cwd/runs"
    for name in ("good", "status", "metrics", "history"):
        shutil.copytree(finished, runs / name)
    for name in ("status", "metrics", "history"):
        status = json.loads((runs / name / "status.json").read_text()) | {"checksums": {}}
        (runs / name / "status.json").write_text(json.dumps(status))
    status = (runs / "status/status.json").read_text()
    (runs / "status/status.json").write_text(
        status.replace('"test_error_rate": ', f'"test_error_rate": {number}, "x": ')
    )
    metrics = json.loads((runs / "metrics/metrics.json").read_text())
    metrics["test_loss_nats"]["value"] = "NUMBER"
    (runs / "metrics/metrics.json").write_text(json.dumps(metrics).replace('"NUMBER"', number))
    header, row = (runs / "history/history.csv").read_text().splitlines()
    (runs / "history/history.csv").write_text(f"{header},x\n{row},{number}\n")
    assert listed(cli) == {"good": "finished", "history": "finished", "metrics": "finished", "status": "unreadable"}
    shown = cli("runs", "--sort", "test_error_rate")
    assert shown.code == 0 and max(map(len, shown.out.splitlines())) < 200
    report = cli("report", "runs", "--out", "compared", "-f", "json")
    assert report.code == 0 and {row["run"] for row in json.loads(report.out)} >= {"good"}, report
    for text in (report.out, (tmp_path / "cwd/compared/report.json").read_text()):
        json.loads(text, parse_constant=pytest.fail)


def test_what_json_cannot_say_is_refused():
    for text in ("9" * 22, "1e309", "[-1e309]", '{"a": 123456789012345678901234}'):
        with pytest.raises(Unusable, match="is not JSON that moe-lab writes: a number"):
            read_json(text)
    assert read_json(f"[{2**63}, {-(2**63)}, 1.5e308]") == [2**63, -(2**63), 1.5e308]


def test_a_loss_may_be_infinite_and_nothing_is_astronomic(finished, tmp_path):
    """A loss that is infinite in one epoch is an outcome; 1e101 is none of 32-bit numbers."""
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run/status.json").write_text('{"status": "finished"}')
    (tmp_path / "run/history.csv").write_text("epoch,validation_loss_nats\n1,inf\n2,\n")
    assert Run(tmp_path / "run").history_rows == [
        {"epoch": 1.0, "validation_loss_nats": float("inf")},
        {"epoch": 2.0, "validation_loss_nats": None},
    ]
    (tmp_path / "run/history.csv").write_text("epoch,validation_loss_nats\n1,1e101\n")
    with pytest.raises(Unreadable, match=r"history\.csv is no table of numbers: 1e\+101 is beyond 1e\+100"):
        _ = Run(tmp_path / "run").history_rows
    (tmp_path / "run/metrics.json").write_text('{"x": {"value": [0.5, {"a": -1e101}], "unit": ""}}')
    with pytest.raises(Unreadable, match=r"metrics\.json: x has no number"):
        _ = Run(tmp_path / "run").metrics


def test_folders_within_folders_without_end_are_searched(cli, finished, tmp_path):
    """Deeper than Python's stack: what is below is found, or at least hides nothing."""
    runs = tmp_path / "cwd/runs"
    shutil.copytree(finished, runs / "good")
    here = os.open(runs, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("a", dir_fd=here)
        below = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        assert listed(cli) == {"good": "finished"}
    finally:
        # shutil.rmtree, by which pytest clears up, does not come so deep
        subprocess.run(["rm", "-r", runs / "a"], check=True)


def test_a_log_that_is_a_pipe_is_not_waited_for(cli, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "cwd/run")
    status = json.loads((tmp_path / "cwd/run/status.json").read_text()) | {"status": "failed"}
    (tmp_path / "cwd/run/status.json").write_text(json.dumps(status))
    (tmp_path / "cwd/run/train.log").unlink()
    os.mkfifo(tmp_path / "cwd/run/train.log")
    refused = cli("train", "--resume", "run")
    assert refused.code == 2 and "run/train.log is no ordinary file: remove it" in refused.err


@pytest.mark.parametrize("content", ["{", '{"jobs": {}}', '{"jobs": [' + "{}," * 100_000 + "{}]}", None])
def test_a_plan_that_cannot_be_read_hides_no_run(cli, finished, tmp_path, content):
    """The runs of its sweep and of others are reported; what it would have said of jobs without a folder is missing."""
    for name in ("runs/one/jobs/a", "runs/two/jobs/b"):
        shutil.copytree(finished, tmp_path / "cwd" / name)
    plan = tmp_path / "cwd/runs/one/plan.json"
    plan.mkdir() if content is None else plan.write_text(content)
    for words in (("report", "runs", "--out", "compared"), ("report", "runs/one")):
        report = cli(*words)
        assert report.code == 0 and "1 of 1 run finished" in report.out, report
        assert report.err.count("\n") == 1 and "left out: " in report.err and "/runs/one/plan.json " in report.err, (
            report
        )
