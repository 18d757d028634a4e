import os
import pickle

import pytest
import torch

from moe_lab.errors import RunError
from moe_lab.store import checkpoint


def test_the_newest_and_the_one_before(tmp_path):
    for number in (1, 2):
        checkpoint.save(tmp_path, {"x": torch.tensor([number]), "rows": [{"epoch": number}]})
    assert checkpoint.load(tmp_path)["x"].item() == 2
    (tmp_path / checkpoint.NEWEST).write_bytes(b"torn")
    assert checkpoint.load(tmp_path)["rows"] == [{"epoch": 1}]
    (tmp_path / checkpoint.PREVIOUS).unlink()
    with pytest.raises(RunError, match="torn.*missing"):
        checkpoint.load(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [checkpoint.NEWEST]


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_runs_no_code(tmp_path):
    torch.save({"x": Touch(tmp_path / "made")}, tmp_path / checkpoint.NEWEST, pickle_module=pickle)
    with pytest.raises(RunError, match="no usable checkpoint"):
        checkpoint.load(tmp_path)
    assert not (tmp_path / "made").exists()


def test_a_full_state_of_a_loop_can_be_read_back(tmp_path, loop_of, same):
    loop = loop_of("regularizer=[importance]")
    loop.epoch()
    checkpoint.save(tmp_path, loop.state_dict())
    assert same(checkpoint.load(tmp_path), loop.state_dict())
