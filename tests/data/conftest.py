"""Small IDX files in the format of MNIST, and a data set class that knows their checksums."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

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
