"""Small files in the formats of MNIST and of CIFAR, and data set classes that know their checksums."""

import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from moe_lab.data.cifar import Cifar10, Cifar100, CifarImages
from moe_lab.data.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, IdxImages


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def small_arrays() -> dict[str, np.ndarray]:
    """30 training and 9 test images of 2 x 3 pixels in 3 classes, in turns."""
    rng = np.random.default_rng(0)
    return {
        TRAIN_IMAGES: rng.integers(0, 256, (30, 2, 3), dtype=np.uint8),
        TRAIN_LABELS: (np.arange(30) % 3).astype(np.uint8),
        TEST_IMAGES: rng.integers(0, 256, (9, 2, 3), dtype=np.uint8),
        TEST_LABELS: (np.arange(9) % 3).astype(np.uint8),
    }


ARRAYS = small_arrays()
CONTENTS = {name: idx_bytes(array) for name, array in ARRAYS.items()}


class Small(IdxImages):
    """Thirty small images."""

    name = "small"
    torchvision_name = "SmallMNIST"
    class_names = ("a", "b", "c")
    shape = (1, 2, 3)
    mean, sd = 0.5, 0.25
    md5s = {name: hashlib.md5(content).hexdigest() for name, content in CONTENTS.items()}


class Files:
    """What a test needs of the small files: the class, the arrays, and a way to write them anywhere."""

    arrays = ARRAYS
    contents = CONTENTS

    @staticmethod
    def dataset_class(system_folder: Path | None = None) -> type[IdxImages]:
        return type("Small", (Small,), {"system_folder": system_folder})

    @staticmethod
    def write(folder: Path, *, gz: bool = False, only: tuple[str, ...] = tuple(CONTENTS)) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name in only:
            path = folder / (f"{name}.gz" if gz else name)
            path.write_bytes(gzip.compress(CONTENTS[name]) if gz else CONTENTS[name])
        return folder


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def no_network(monkeypatch):
    """Downloads fail as they do without a network, and are counted."""
    calls = []

    def fail(torchvision_name, into):
        calls.append(torchvision_name)
        raise RuntimeError("Error downloading:\nTried MIRROR, got:\n<urlopen error no network>")

    monkeypatch.setattr("moe_lab.data.source.download", fail)
    return calls


class Opcodes(bytes):
    """A piece of a pickle as it stands."""


def opcodes(value) -> bytes:
    """The pickle opcodes of a value as Python 2 wrote them: protocol 2, text as byte strings, arrays by NumPy 1."""
    if isinstance(value, Opcodes):
        return bytes(value)
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(opcodes, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(opcodes, value)) + b"t"
    if isinstance(value, dict):
        return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
    if isinstance(value, np.ndarray):
        return array_opcodes(value)
    return {None: b"N"}[value]


def array_opcodes(array: np.ndarray) -> bytes:
    text = array.dtype.str[1:].encode()
    dtype = b"cnumpy\ndtype\n" + opcodes((text, 0, 1)) + b"R"
    dtype += opcodes((3, b"|", None, None, None, -1, -1, 0)) + b"b"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n" + opcodes((Opcodes(b"cnumpy\nndarray\n"), (0,), b"b")) + b"R"
    by_columns = not array.flags.c_contiguous
    content = array.tobytes(order="F" if by_columns else "C")
    return empty + opcodes((1, array.shape, Opcodes(dtype), by_columns, content)) + b"b"


def batch_bytes(value) -> bytes:
    """A pickle as in CIFAR's files."""
    return b"\x80\x02" + opcodes(value) + b"."


@pytest.fixture
def pickled():
    return batch_bytes


def small_batch(count: int, start: int, labels: dict[bytes, int]) -> dict:
    """Images of 32 x 32 x 3 bytes; each kind of label goes round its number of classes."""
    rng = np.random.default_rng(start)
    turns = {key: [(start + row) % classes for row in range(count)] for key, classes in labels.items()}
    names = [b"picture.png"] * count
    return {
        b"batch_label": b"a batch",
        **turns,
        b"data": rng.integers(0, 256, (count, 3072), np.uint8),
        b"filenames": names,
    }


def names(classes: int) -> list[bytes]:
    return [f"class {number}".encode() for number in range(classes)]


CIFAR10 = {f"data_batch_{number}": small_batch(12, 12 * number, {b"labels": 10}) for number in range(1, 6)}
CIFAR10["test_batch"] = small_batch(10, 0, {b"labels": 10})
CIFAR10["batches.meta"] = {b"num_cases_per_batch": 12, b"label_names": names(10), b"num_vis": 3072}
FINE_AND_COARSE = {b"fine_labels": 100, b"coarse_labels": 20}
CIFAR100 = {"train": small_batch(200, 0, FINE_AND_COARSE), "test": small_batch(110, 7, FINE_AND_COARSE)}
CIFAR100["meta"] = {b"fine_label_names": names(100), b"coarse_label_names": names(20)}


class CifarFiles:
    """Small files in the format of CIFAR-10 or CIFAR-100, and the data set's class with their checksums."""

    def __init__(self, cls: type[CifarImages], batches: dict[str, dict]) -> None:
        self.batches = batches
        self.contents = {file: batch_bytes(batch) for file, batch in batches.items()}
        self.md5s = {file: hashlib.md5(content).hexdigest() for file, content in self.contents.items()}
        self.cls = type(f"Small{cls.__name__}", (cls,), {"md5s": self.md5s})

    def write(self, root: Path) -> Path:
        folder = root / self.cls.folder_name
        folder.mkdir(parents=True)
        for file, content in self.contents.items():
            (folder / file).write_bytes(content)
        return folder

    def pack(self, root: Path, contents: dict[str, bytes] | None = None) -> Path:
        """The .tar.gz, with its folder as the first member as in the published one."""
        root.mkdir(parents=True, exist_ok=True)
        path = root / self.cls.archive_name
        with tarfile.open(path, "w:gz") as tar:
            top = tarfile.TarInfo(self.cls.folder_name)
            top.type = tarfile.DIRTYPE
            tar.addfile(top)
            for file, content in (contents or self.contents).items():
                member = tarfile.TarInfo(f"{self.cls.folder_name}/{file}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return path


@pytest.fixture(scope="session")
def cifar10() -> CifarFiles:
    return CifarFiles(Cifar10, CIFAR10)


@pytest.fixture(scope="session")
def cifar100() -> CifarFiles:
    return CifarFiles(Cifar100, CIFAR100)


@pytest.fixture(scope="session")
def few_of_cifar100() -> CifarFiles:
    """24 training and 6 test images."""
    parts = {"train": small_batch(24, 0, FINE_AND_COARSE), "test": small_batch(6, 7, FINE_AND_COARSE)}
    return CifarFiles(Cifar100, CIFAR100 | parts)
