"""Archives, arrays and checkpoints that would exhaust memory or time are refused before they are unpacked."""

import gzip
import io
import json
import os
import re
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
import torch

from moe_lab.errors import DataError, RunError
from moe_lab.store import untrusted
from moe_lab.store.untrusted import Unusable


def header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(10**13,), (10**7, 10**7), (-5,), (2**63, 2**63)])
def test_a_declared_shape_is_not_believed(cli, run, here, shape):
    for path in (run.path / "routing.npz", here / "own.npz"):
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("label", "weights", "x_train", "y_train"):
                archive.writestr(f"{name}.npy", header(shape) + b"\0" * 64)
    for words in (("report", "run"), ("train", "dataset=npz", "dataset.path=own.npz")):
        result = cli(*words)
        assert result.code == 2 and result.err.count("\n") == 1 and "holds 64 bytes" in result.err, result


@pytest.mark.parametrize("name", ["routing.npz", "checkpoint.pt"])
def test_a_zip_that_unpacks_to_more_than_memory_is_not_unpacked(cli, run, monkeypatch, name):
    """1 MB of zeros is 1 kB in the zip: here a machine of 1 MB stands for one of many GB."""
    if name == "routing.npz":
        np.savez_compressed(run.path / name, x=np.zeros(2**17))
        assert (run.path / name).stat().st_size < 2**12
    else:
        torch.save({"keys": [], "learner": {"x": torch.zeros(2**18)}}, run.path / name)
    monkeypatch.setattr(untrusted, "memory", lambda: 2**20)
    with pytest.raises(RunError, match="more than half of this machine's memory"):
        run.arrays("routing") if name == "routing.npz" else __import__("moe_lab").load(run.path).model()


def test_a_data_file_larger_than_memory_is_refused(tmp_path, monkeypatch):
    from moe_lab.data.npz import Npz

    np.savez_compressed(tmp_path / "own.npz", x_train=np.zeros((2**16, 2)), y_train=np.arange(2**16) % 2)
    monkeypatch.setattr(untrusted, "memory", lambda: 2**20)
    with pytest.raises(DataError, match="more than half of this machine's memory"):
        Npz(path=str(tmp_path / "own.npz")).load()


def pack(path, arrays, packed=zipfile.ZIP_DEFLATED):
    """NAME.npy: what it begins with, and how many zeros follow."""
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, (start, zeros) in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                entry.write(start)
                for _ in range(zeros // 2**20):
                    entry.write(bytes(2**20))


def unpacked(path, names=None) -> int:
    """How many bytes zlib gives while the arrays of a file are refused."""
    given = 0

    class Counting:
        def __init__(self, *arguments):
            self._inner = zlib.decompressobj(*arguments)

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def decompress(self, *arguments):
            nonlocal given
            content = self._inner.decompress(*arguments)
            given += len(content)
            return content

    class Zlib:
        decompressobj = Counting

        def __getattr__(self, name):
            return getattr(zlib, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "zlib", Zlib())
        with pytest.raises(Unusable) as caught:
            untrusted.read_arrays(path, names)
    assert "\n" not in str(caught.value)
    return given


def test_no_array_is_unpacked_before_every_header_has_been_looked_at(tmp_path):
    """The second header is wrong, so that the first array's 32 MiB stay packed."""
    pack(tmp_path / "a.npz", {"a": (header((2**22,)), 2**25), "b": (header((3,)), 2**20)})
    assert unpacked(tmp_path / "a.npz") < 2**17
    # that of an array which is not asked for does not matter
    assert list(untrusted.read_arrays(tmp_path / "a.npz", ["a"])) == ["a"]


def test_a_header_without_end_is_not_read(tmp_path):
    start = b"\x93NUMPY\x02\x00" + (2**26).to_bytes(4, "little")
    pack(tmp_path / "a.npz", {"a": (start, 2**26)})
    assert unpacked(tmp_path / "a.npz") < 2**17


def test_an_archive_that_unpacks_to_many_times_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "MOST_ARRAYS", 2**24)
    pack(tmp_path / "a.npz", {"a": (header((2**22,)), 2**25)})
    assert unpacked(tmp_path / "a.npz") == 0
    # less is read, however well it is packed, and so is more that packs as numbers do
    pack(tmp_path / "b.npz", {"a": (header((2**20,)), 2**23)})
    assert untrusted.read_arrays(tmp_path / "b.npz")["a"].shape == (2**20,)
    noise = np.random.default_rng(0).random(2**22, dtype=np.float32)
    np.savez_compressed(tmp_path / "c.npz", noise)
    assert (untrusted.read_arrays(tmp_path / "c.npz")["arr_0"] == noise).all()


def end(count: int, size: int, place: int = 0) -> bytes:
    """The record at the end of a zip file: entries, bytes and place of its directory."""
    return b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, size, place, 0)


def end_64(size: int, place: int) -> bytes:
    """The records before it in an archive of more than 4 GiB, of which the first stands at ``place``."""
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 9, 9, size, 0)
    return record + b"PK\x06\x07" + struct.pack("<IQI", 0, place, 1)


#: what stands at the end of a file of 5 GiB, and what is said of it: a directory that is not there is damage
LARGE_DIRECTORIES = {
    "as it says": (end(9, 2**31), "has a directory of 2147483648 bytes"),
    "with a comment": (end(9, 2**31)[:-2] + b"\x05\x00hello", "is torn|has a directory of 2147483648 bytes"),
    "beyond 4 GiB": (end_64(2**32, 0) + end(2**16 - 1, 2**32 - 1, 2**32 - 1), "has a directory of 4294967296 bytes"),
    "larger than the file": (end_64(2**40, 0) + end(2**16 - 1, 2**32 - 1, 2**32 - 1), "is damaged|has a directory of"),
}


@pytest.mark.parametrize(("ends", "said"), LARGE_DIRECTORIES.values(), ids=LARGE_DIRECTORIES)
def test_a_directory_without_end_is_not_read(cli, run, here, ends, said):
    """A sparse file takes no room on the disk; its directory claims gigabytes of it."""
    for path in (run.path / "routing.npz", here / "own.npz"):
        with path.open("wb") as file:
            file.truncate(5 * 2**30)
            file.seek(0, os.SEEK_END)
            file.write(ends)
    for words in (("report", "run"), ("train", "dataset=npz", "dataset.path=own.npz")):
        result = cli(*words)
        assert result.code == 2 and result.err.count("\n") == 1 and re.search(said, result.err), result


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_packed_as_numpy_never_does_are_not_unpacked(tmp_path, packed):
    pack(tmp_path / "a.npz", {"a": (header((2**17,)), 2**20)}, packed)
    with pytest.raises(Unusable, match="packed as neither NumPy nor torch do"):
        untrusted.read_arrays(tmp_path / "a.npz")


def test_a_checkpoint_holds_no_more_than_its_file(tmp_path):
    """torch packs nothing: what is packed could unpack to a thousand times as much."""
    torch.save({"x": torch.zeros(2**10)}, tmp_path / "plain.pt")
    assert torch.equal(untrusted.read_tensors(tmp_path / "plain.pt")["x"], torch.zeros(2**10))
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, zipfile.ZipFile(tmp_path / "packed.pt", "w", 8) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(Unusable, match="claim more than it holds"):
        untrusted.read_tensors(tmp_path / "packed.pt")


@pytest.mark.parametrize("make", ["routing.npz", "evaluation.npz", "checkpoint.pt"])
def test_arrays_in_a_pipe_are_not_waited_for(cli, run, make):
    (run.path / make).unlink()
    os.mkfifo(run.path / make)
    status = json.loads((run.path / "status.json").read_text())
    words = ("report", "run")
    if make == "checkpoint.pt":
        (run.path / "status.json").write_text(json.dumps(status | {"status": "failed"}))
        words = ("train", "--resume", "run")
    result = cli(*words)
    assert result.code == 2 and "is no ordinary file" in result.err, result


def test_a_packed_data_file_without_end_is_not_unpacked(tmp_path, monkeypatch):
    from moe_lab.data import archive, idx

    monkeypatch.setattr(idx, "MOST_BYTES", 2**16)
    monkeypatch.setattr(archive, "MOST_BYTES", 2**16)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2**16)))
    assert idx.uncompressed(tmp_path / "a.gz") == bytes(2**16)
    for name, content in (("b.gz", gzip.compress(bytes(2**20))), ("c", bytes(2**17))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="expected at most 65536 bytes, found more"):
            idx.uncompressed(tmp_path / name)
    for name, size in (("a.tar.gz", 100), ("b.tar.gz", 2**17)):
        with tarfile.open(tmp_path / name, "w:gz") as tar:
            member = tarfile.TarInfo("x")
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))
    assert dict(archive.members(tmp_path / "a.tar.gz", {"x"})) == {"x": bytes(100)}
    assert dict(archive.members(tmp_path / "b.tar.gz", {"x"})) == {}
