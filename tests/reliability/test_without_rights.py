"""Folders, an installation and a home that cannot be written. Root obeys no rights, so it gives that up here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import moe_lab
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.job import prepare
from moe_lab.experiment.run import run as train
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import run_sweep

INSTALLED = Path(moe_lab.__file__).parent
SHORT = ["trainer.epochs=1", "trainer.limit_batches=1"]
OBEY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.fixture
def obeying(tmp_path):
    """`moe-lab ARGUMENTS...` by somebody who may write nothing but what the rights of files say."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed, and root obeys no rights")
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    (tmp_path / "cwd").mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)

    def run(*arguments):
        command = [*(OBEY if os.geteuid() == 0 else []), sys.executable, "-m", "moe_lab", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path / "cwd", env=environment, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of runs: a finished run, one to go on with, and a sweep."""
    runs = tmp_path_factory.mktemp("made") / "runs"
    job = prepare(SHORT)
    (runs / "a").mkdir(parents=True)
    train(job, runs / "a", load_data(job.config))
    shutil.copytree(runs / "a", runs / "b")
    status = (runs / "b" / "status.json").read_text()
    (runs / "b" / "status.json").write_text(status.replace('"finished"', '"interrupted"'))
    (runs / "s").mkdir()
    run_sweep(plan([*SHORT, "seed=0,1"]), runs / "s", Serial())
    return runs


@pytest.fixture
def locked(made, tmp_path):
    """A copy of it that may be read alone."""
    runs = tmp_path / "cwd" / "runs"
    shutil.copytree(made, runs)
    set_rights(runs, 0o500, 0o400)
    yield runs
    set_rights(runs, 0o700, 0o600)


def set_rights(folder: Path, of_folders: int, of_files: int) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(of_folders if path.is_dir() else of_files)


def test_an_installation_and_a_home_that_cannot_be_written_are_no_trouble(obeying, tmp_path):
    """Nothing is written beside the code, and no message about a font cache is printed."""
    before = {str(path): path.stat().st_mtime_ns for path in INSTALLED.rglob("*") if "__pycache__" not in path.parts}
    result = obeying("train", *SHORT, "--name", "a")
    assert (result.returncode, result.stderr) == (0, ""), result
    assert (tmp_path / "cwd" / "runs" / "a" / "report.html").is_file() and not any((tmp_path / "home").iterdir())
    after = {str(path): path.stat().st_mtime_ns for path in INSTALLED.rglob("*") if "__pycache__" not in path.parts}
    assert after == before


@pytest.mark.parametrize(
    "words",
    ["report runs/a", "train --resume runs/b", "train --name c", "sweep --resume runs/s", "sweep --name t seed=0,1"],
)
def test_what_may_not_be_written_is_one_line(words, obeying, locked):
    result = obeying(*words.split())
    assert result.returncode == 2 and result.stdout == "", result
    assert result.stderr.count("\n") == 1 and "runs/" in result.stderr and "Permission denied" in result.stderr


def test_what_may_be_read_alone_is_listed_varied_and_compared_elsewhere(obeying, locked):
    listed = obeying("runs", "-f", "csv")
    assert listed.returncode == 0 and listed.stdout.count("\n") == 5
    varied = obeying("train", "--from", "runs/a", "seed=1", "--runs", "own", "--no-report")
    assert varied.returncode == 0, varied
    assert obeying("report", "runs/a", "runs/s", "--out", "own/report").returncode == 0
