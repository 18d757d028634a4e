import json
import os
import stat

import numpy as np
import pytest

from moe_lab.store import atomic, untrusted
from moe_lab.store.atomic import write_csv, write_json, write_npz, write_text, write_with
from moe_lab.store.untrusted import MOST_RATIO


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "status.json"
    write_text(path, "old")

    def half(file):
        file.write(b"ne")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_with(path, half)
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_files_have_the_rights_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_json_refuses_what_is_no_number(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1.5, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1.5, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_npz_gives_equal_bytes_and_takes_no_objects(tmp_path):
    for name in ("a", "b"):
        write_npz(tmp_path / f"{name}.npz", {"x": np.arange(3), "names": np.array(["a", "bc"])})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with pytest.raises(TypeError, match="objects"):
        write_npz(tmp_path / "c.npz", {"x": np.array([{}])})


def test_arrays_that_pack_to_almost_nothing_are_read_back(tmp_path, monkeypatch):
    """A reader refuses an archive that unpacks to so much and to so many times its size: it might be a bomb."""
    zeros = {"x": np.zeros(2**17)}
    write_npz(tmp_path / "small.npz", zeros)
    assert (tmp_path / "small.npz").stat().st_size < 2**20 / MOST_RATIO
    monkeypatch.setattr(untrusted, "MOST_ARRAYS", 2**19)
    with pytest.raises(untrusted.Unusable, match="would unpack to"):
        untrusted.read_arrays(tmp_path / "small.npz")
    monkeypatch.setattr(atomic, "MOST_ARRAYS", 2**19)
    write_npz(tmp_path / "large.npz", zeros)
    assert (untrusted.read_arrays(tmp_path / "large.npz")["x"] == zeros["x"]).all()


def test_csv_reads_back_the_same_floats(tmp_path):
    write_csv(tmp_path / "a.csv", [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": None}])
    assert (tmp_path / "a.csv").read_text() == "epoch,loss\n1,0.30000000000000004\n2,\n"
    write_csv(tmp_path / "empty.csv", [])
    assert (tmp_path / "empty.csv").read_text() == ""
