import os
import pickle
import resource

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


def test_numbers_in_a_file_give_the_same_checkpoint(tmp_path):
    """A file without a name holds them, and they are written and read in place."""
    size = (3, 4)
    there = checkpoint.mapped(tmp_path, size, dtype=torch.float64)
    assert not list(tmp_path.iterdir())
    there.copy_(torch.arange(12.0).view(size))
    for folder, x in {"mapped": there, "plain": torch.arange(12.0, dtype=torch.float64).view(size)}.items():
        (tmp_path / folder).mkdir()
        checkpoint.save(tmp_path / folder, {"x": x})
    mapped, plain = ((tmp_path / folder / checkpoint.NEWEST).read_bytes() for folder in ("mapped", "plain"))
    assert mapped == plain
    found = checkpoint.load(tmp_path / "plain", in_file=True)["x"]
    assert torch.equal(found, there)
    # a change is one of the file, which its checksum then shows
    found[0, 0] = 7
    with pytest.raises(RunError, match="a checksum does not match"):
        checkpoint.load(tmp_path / "plain", in_file=True)


def test_no_room_for_numbers_in_a_file_is_an_error_and_not_the_end(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            checkpoint.mapped(tmp_path, (1000,), dtype=torch.float32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
