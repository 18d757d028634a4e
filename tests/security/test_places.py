"""Names and links lead nowhere: what is read and written stays in the folder that was named."""

import json
import os

import pytest

SECRET = "aws_secret_access_key: hunter2\n"


def refused(result) -> str:
    assert result.code == 2 and result.err.count("\n") == 1, result
    return result.err


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.yaml").write_text(SECRET)
    yield folder
    assert [path.name for path in folder.iterdir()] == ["secret.yaml"]
    assert (folder / "secret.yaml").read_text() == SECRET


@pytest.mark.parametrize(
    "name", ["../../out-12345678", "/out-12345678", "a/../../x-12345678", "..", ".", "", "x\n", "\x1b[31m"]
)
def test_a_job_of_a_plan_does_not_leave_its_sweep(cli, sweep, here, name):
    content = json.loads((sweep / "plan.json").read_text())
    content["jobs"][0]["name"] = name
    (sweep / "plan.json").write_text(json.dumps(content))
    before = sorted(here.parent.rglob("*"))
    assert "a job cannot have the name" in refused(cli("sweep", "--resume", "sweep", "launcher=serial"))
    assert sorted(here.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["../out", "/out", "a/b", "..", "x\x1b[31m"])
@pytest.mark.parametrize("words", [("train",), ("sweep", "seed=0,1"), ("study", "collapse", "--quick")])
def test_a_name_does_not_leave_the_runs_folder(cli, here, words, name):
    assert "cannot name a folder" in refused(cli(*words, "--name", name))
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["config.yaml", "status.json", "metrics.json", "environment.json", "history.csv"])
def test_a_link_out_of_a_run_is_not_read(cli, run, outside, name):
    (run.path / name).unlink()
    (run.path / name).symlink_to(outside / "secret.yaml")
    line = refused(cli("report", "run"))
    assert "hunter2" not in line and (name == "status.json" or f"run/{name} is a link that leads out" in line)


@pytest.mark.parametrize("name", ["routing.npz", "evaluation.npz"])
def test_a_link_to_arrays_elsewhere_is_not_read(cli, run, here, name):
    (run.path / name).rename(here / name)
    (run.path / name).symlink_to(here / name)
    assert f"run/{name} is a link that leads out of its folder" in refused(cli("report", "run"))


def test_a_link_within_a_run_is_read(run):
    (run.path / "config.yaml").rename(run.path / "real.yaml")
    (run.path / "config.yaml").symlink_to("real.yaml")
    assert run.config["k"]


@pytest.mark.parametrize("name", ["config.yaml", "status.json"])
def test_a_pipe_is_not_waited_for(cli, run, name):
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    # a report of a run without a config is made without it
    assert cli("report", "run").code == (2 if name == "status.json" else 0)


def test_a_report_writes_through_no_link(cli, run, outside):
    (run.path / "figures").symlink_to(outside)
    for name in ("report.md", "report.html"):
        (run.path / name).symlink_to(outside / "secret.yaml")
    assert "run/figures is a link" in refused(cli("report", "run"))
    (run.path / "figures").unlink()
    assert cli("report", "run").code == 0
    assert not (run.path / "report.html").is_symlink() and "<!doctype html>" in (run.path / "report.html").read_text()


@pytest.mark.parametrize("name", ["train.log", "checkpoint.pt"])
def test_a_training_writes_and_reads_through_no_link(cli, run, outside, name):
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(outside / "secret.yaml")
    status = json.loads((run.path / "status.json").read_text()) | {"status": "failed"}
    (run.path / "status.json").write_text(json.dumps(status))
    refused(cli("train", "--resume", "run"))


@pytest.mark.parametrize("place", ["jobs", "one job", "stacks", "lock"])
def test_a_sweep_writes_through_no_link(cli, sweep, outside, place):
    first = sorted((sweep / "jobs").iterdir())[0]
    path = {"jobs": sweep / "jobs", "one job": first}.get(place, sweep / place)
    if path.exists():
        path.rename(sweep / "moved")
    path.symlink_to(outside / "secret.yaml" if place == "lock" else outside)
    result = cli("sweep", "--resume", "sweep", "launcher=serial")
    assert result.code == 2 and "link" in result.err and result.err.count("\n") == 1, result


FILES = ["config.yaml", "metrics.json", "history.csv", "routing.npz", "evaluation.npz", "checkpoint.pt", "figures"]


@pytest.mark.parametrize("target", ["itself", "nowhere", "a copy elsewhere"])
@pytest.mark.parametrize("name", [*FILES, "claim"])
def test_a_link_in_the_place_of_a_file_of_a_run_is_one_line_or_no_trouble(cli, run, tmp_path, name, target):
    """To itself, to nothing, and to what would do: taken as missing, or named; nothing is written there."""
    path, copy = run.path / name, tmp_path / f"copy-{name}"
    if target == "a copy elsewhere":
        copy.mkdir() if name in ("figures", "claim") else copy.write_bytes(path.read_bytes())
    path.unlink(missing_ok=True)
    path.symlink_to({"itself": name, "nowhere": tmp_path / "none" / name}.get(target, copy))
    before = copy.read_bytes() if copy.is_file() else copy.exists() and list(copy.iterdir())
    for command in (["runs", "run"], ["report", "run"], ["train", "--from", "run", "--no-report"]):
        result = cli(*command)
        assert result.code in (0, 2) and (result.code == 0 or result.err.count("\n") == 1), (command, result)
    status = json.loads((run.path / "status.json").read_text()) | {"status": "interrupted"}
    (run.path / "status.json").write_text(json.dumps(status))
    result = cli("train", "--resume", "run", "--no-report")
    assert result.code in (0, 2) and (result.code == 0 or result.err.count("\n") == 1), result
    assert name != "claim" or "run/claim is a link, and nothing is written through links: remove it" in result.err
    assert (copy.read_bytes() if copy.is_file() else copy.exists() and list(copy.iterdir())) == before
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["plan.json", "jobs", "stacks", "lock"])
def test_a_link_to_itself_in_a_sweep_is_one_line(cli, sweep, name):
    if (sweep / name).is_dir():
        (sweep / name).rename(sweep / "moved")
    (sweep / name).unlink(missing_ok=True)
    (sweep / name).symlink_to(name)
    refused(cli("sweep", "--resume", "sweep", "launcher=serial"))


def test_links_out_of_a_folder_of_runs_are_not_followed(cli, run, here, tmp_path):
    run.path.rename(tmp_path / "outside-run")
    (here / "runs").mkdir()
    (here / "runs" / "link").symlink_to(tmp_path / "outside-run")
    assert json.loads(cli("runs", "-f", "json").out) == []
    assert "holds none" in refused(cli("report", "runs"))
