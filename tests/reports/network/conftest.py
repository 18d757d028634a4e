"""Networks that were trained for an epoch or two."""

import json
import shutil

import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store.run import Run

SMALL = ["trainer.batch_size=512", "experts.count=4", "experts.hidden=8", "gate=switch", "regularizer=[switch_balance]"]
IMAGES = ["network=vision_transformer", "network.width=8", "network.heads=2", "trainer.epochs=2", *SMALL]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """``trained(name, words)``: a finished run folder."""

    def train(name, words):
        made, folder = job.prepare(words), tmp_path_factory.mktemp("networks") / name
        folder.mkdir()
        experiment.run(made, folder, load_data(made.config))
        return Run(folder)

    return train


@pytest.fixture(scope="session")
def images(trained):
    return trained("images", IMAGES)


@pytest.fixture
def copied(images, tmp_path):
    """``copied(*missing, **status)``: the network of images without these files, and with another status."""

    def copy(*missing, **status):
        folder = tmp_path / "copy"
        shutil.copytree(images.path, folder)
        for name in missing:
            (folder / name).unlink()
        written = json.loads((folder / "status.json").read_text())
        (folder / "status.json").write_text(json.dumps(written | status))
        return Run(folder)

    return copy
