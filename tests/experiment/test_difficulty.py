"""Difficulty: what a single network loses on each test sample, taken from its finished run."""

import json

import numpy as np
import pytest

from moe_lab.data.digits import Digits
from moe_lab.errors import RunError
from moe_lab.experiment.difficulty import with_difficulty
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.job import prepare
from moe_lab.store.atomic import write_npz


@pytest.fixture(scope="module")
def data():
    return Digits().load()


@pytest.fixture
def single(tmp_path, data):
    """A folder with what is read of a run: its status and routing.npz; options change these."""

    def make(status="finished", **changes):
        (tmp_path / "status.json").write_text(json.dumps({"status": status}))
        label = data.test.y_N.numpy()
        routing = {
            "sample_index": data.test.index_N.numpy(),
            "label": label,
            "weights": np.ones((len(label), 1), dtype=np.float32),
            "expert_log_prob_true": -np.linspace(0, 3, len(label), dtype=np.float32)[:, None],
        }
        write_npz(tmp_path / "routing.npz", routing | changes)
        return tmp_path

    return make


def test_it_is_what_the_single_network_loses(single, data):
    found = with_difficulty(data, single())
    np.testing.assert_allclose(found.attributes["difficulty"], np.linspace(0, 3, 360), rtol=1e-6)
    assert "difficulty" not in data.attributes


def test_what_is_no_such_run_is_refused(single, data):
    with pytest.raises(RunError, match="the run is failed"):
        with_difficulty(data, single("failed"))
    with pytest.raises(RunError, match="a mixture of 2 experts; give a run of one network"):
        with_difficulty(data, single(weights=np.ones((360, 2))))
    with pytest.raises(RunError, match="tested on other samples"):
        with_difficulty(data, single(sample_index=np.arange(360)))
    with pytest.raises(RunError, match="no run folder"):
        with_difficulty(data, "nowhere")


def test_the_option_decides_nothing_of_the_training(single):
    folder = single()
    job, plain = prepare([f"difficulty_from={folder}"]), prepare([])
    assert job.key == plain.key
    assert "difficulty" in load_data(job.config).attributes
    assert "difficulty" not in load_data(plain.config).attributes
