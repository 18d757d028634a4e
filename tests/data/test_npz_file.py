import zipfile

import numpy as np
import pytest

from moe_lab.data.npz_file import NpzFile
from moe_lab.errors import DataError


@pytest.fixture
def path(tmp_path):
    np.savez(tmp_path / "own.npz", x_train=np.arange(6.0).reshape(2, 3), y_train=np.array([0, 1], dtype=np.uint8))
    return tmp_path / "own.npz"


def test_headers_and_arrays(path):
    file = NpzFile(path)
    assert file.keys == ["x_train", "y_train"]
    assert file.header("x_train") == ((2, 3), np.dtype("float64"))
    assert file.header("y_train") == ((2,), np.dtype("uint8"))
    assert file.read("x_train").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_tilde_is_the_home_folder(path, monkeypatch):
    monkeypatch.setenv("HOME", str(path.parent))
    assert NpzFile("~/own.npz").keys == ["x_train", "y_train"]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: expected an \.npz file, found none; give its path with dataset"):
        NpzFile(tmp_path / "none.npz").header("x_train")


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match="expected an .npz file, found none"):
        NpzFile(tmp_path).header("x_train")


def test_a_file_of_another_kind(tmp_path):
    np.save(tmp_path / "own.npy", np.arange(3))
    with pytest.raises(DataError, match=r"found one that is damaged \(File is not a zip file\); write it with"):
        NpzFile(tmp_path / "own.npy").header("x_train")


def test_a_truncated_file(path):
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="found one that is damaged"):
        NpzFile(path).header("x_train")


def test_a_zip_file_of_other_things(tmp_path):
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="expected the keys x_train, found no arrays"):
        NpzFile(tmp_path / "own.npz").header("x_train")


@pytest.mark.parametrize("position", ["header", "values"])
def test_a_flipped_byte_fails_the_zip_checksum(path, position):
    content = bytearray(path.read_bytes())
    at = content.index(b"\x93NUMPY") if position == "header" else content.index(np.float64(4).tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    read = NpzFile.header if position == "header" else NpzFile.read
    with pytest.raises(DataError, match=r"expected a whole array in x_train, found one that (is damaged|declares)"):
        read(NpzFile(path), "x_train")


class Touch:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_python_objects_are_refused_and_never_unpickled(tmp_path):
    target = tmp_path / "touched"
    np.savez(tmp_path / "own.npz", x_train=np.array([Touch(target), None], dtype=object))
    file = NpzFile(tmp_path / "own.npz")
    for look in (file.header, file.read):
        with pytest.raises(
            DataError,
            match="found Python objects, which can hide code; if its rows are of equal length, save x_train as",
        ):
            look("x_train")
    assert not target.exists()
    make, arguments = Touch(target).__reduce__()
    make(*arguments).close()
    assert target.exists()  # the trap works
