"""A run and a sweep as moe-lab writes them, copied for each test into the folder that the command line runs in."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import plan

SHORT = ["trainer.epochs=1", "trainer.limit_batches=2"]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``run``, finished; ``sweep``, planned."""
    folder = tmp_path_factory.mktemp("templates")
    (folder / "run").mkdir()
    (folder / "sweep").mkdir()
    made = job.prepare(["regularizer=[importance]", *SHORT])
    experiment.run(made, folder / "run", load_data(made.config))
    # who writes a hostile folder writes no checksums that tell of it
    status = json.loads((folder / "run" / "status.json").read_text()) | {"checksums": {}}
    (folder / "run" / "status.json").write_text(json.dumps(status))
    planned = plan(["seed=0,1", *SHORT])
    SweepFolder(folder / "sweep").write_plan(planned)
    SweepFolder(folder / "sweep").lay_out(planned)
    return folder


@pytest.fixture
def here(tmp_path: Path, cli: Callable) -> Path:
    """The folder that the command line runs in."""
    return tmp_path / "cwd"


@pytest.fixture
def run(templates: Path, here: Path) -> Run:
    shutil.copytree(templates / "run", here / "run")
    return Run(here / "run")


@pytest.fixture
def sweep(templates: Path, here: Path) -> Path:
    shutil.copytree(templates / "sweep", here / "sweep")
    return here / "sweep"


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path: Path):
    """A trap, and at the end the proof that it was one and that it has not sprung."""
    marker, proof = tmp_path / "sprung", tmp_path / "proof"
    yield Trap(marker)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Trap(proof)))
    assert proof.exists()
