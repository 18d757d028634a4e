import hashlib
import struct

import numpy as np
import pytest
import torch

from moe_lab.data import fmnist_mnist
from moe_lab.data.fmnist_mnist import FmnistMnist
from moe_lab.data.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, FashionMnist, Mnist
from moe_lab.errors import DataError


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def arrays(tmp_path, monkeypatch):
    """Small files in the places of both sources: 60 and 50 training images of 28 x 28 pixels, 40 and 30 for test."""
    rng = np.random.default_rng(0)
    arrays = {}
    for cls, train, test in ((FashionMnist, 60, 40), (Mnist, 50, 30)):
        arrays[cls] = {
            TRAIN_IMAGES: rng.integers(0, 256, (train, 28, 28), dtype=np.uint8),
            TRAIN_LABELS: rng.permutation(np.arange(train) % 10).astype(np.uint8),
            TEST_IMAGES: rng.integers(0, 256, (test, 28, 28), dtype=np.uint8),
            TEST_LABELS: rng.permutation(np.arange(test) % 10).astype(np.uint8),
        }
        folder = tmp_path / cls.torchvision_name / "raw"
        folder.mkdir(parents=True)
        for name, array in arrays[cls].items():
            (folder / name).write_bytes(idx(array))
        md5s = {name: hashlib.md5(idx(array)).hexdigest() for name, array in arrays[cls].items()}
        monkeypatch.setattr(cls, "md5s", md5s)
    monkeypatch.setattr(FashionMnist, "system_folder", None)
    monkeypatch.setattr(fmnist_mnist, "TRAIN_SAMPLES", 40)
    monkeypatch.setattr(fmnist_mnist, "TEST_SAMPLES", 16)
    return arrays


def test_what_it_holds_by_hand(arrays, tmp_path):
    data = FmnistMnist(root=str(tmp_path), validation_share=0.0).load()
    # 40 / 2 = 20 = 6 x 3 + 2; 16 / 2 = 8 = 6 x 1 + 2
    assert torch.bincount(data.train.y_N).tolist() == [4, 4, 3, 3, 3, 3] * 2
    assert torch.bincount(data.test.y_N).tolist() == [2, 2, 1, 1, 1, 1] * 2
    assert data.attributes["source"].tolist() == [0] * 8 + [1] * 8
    assert data.attributes["class"].tolist() == data.test.y_N.tolist()


@pytest.mark.parametrize("validation_share", [0.0, 0.3])
def test_each_sample_is_its_sources(arrays, tmp_path, validation_share):
    data = FmnistMnist(root=str(tmp_path), validation_share=validation_share).load()
    parts = {TRAIN_IMAGES: (TRAIN_LABELS, 60), TEST_IMAGES: (TEST_LABELS, 40)}
    for split, images in ((data.train, TRAIN_IMAGES), (data.validation, TRAIN_IMAGES), (data.test, TEST_IMAGES)):
        labels, clothes = parts[images]
        for x_D, y, index in zip(split.x_ND, split.y_N.tolist(), split.index_N.tolist(), strict=True):
            source, row, label = (FashionMnist, index, y) if index < clothes else (Mnist, index - clothes, y - 2)
            assert arrays[source][labels][row] == label
            assert label in (range(6) if source is FashionMnist else range(4, 10))
            expected = (arrays[source][images][row].reshape(-1) / 255 - 0.5) / 0.5
            np.testing.assert_allclose(x_D.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_each_class_gives_its_first_samples(arrays, tmp_path):
    data = FmnistMnist(root=str(tmp_path), validation_share=0.0).load()
    digit_nine = np.flatnonzero(arrays[Mnist][TRAIN_LABELS] == 9)[:3]
    assert data.train.index_N[data.train.y_N == 11].tolist() == (60 + digit_nine).tolist()


def test_validation_is_taken_by_class(arrays, tmp_path):
    data = FmnistMnist(root=str(tmp_path), validation_share=0.3).load()
    # ceil(.3 x 40) = 12 of 12 classes: .3 x 4 = 1.2 and .3 x 3 = .9, so one of each
    assert torch.bincount(data.validation.y_N).tolist() == [1] * 12
    assert not set(data.validation.index_N.tolist()) & set(data.train.index_N.tolist())


def test_names_check_and_prepare(arrays, tmp_path):
    dataset = FmnistMnist(root=str(tmp_path))
    shape, names = dataset.describe()
    assert shape == (1, 28, 28)
    assert names == ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "4", "5", "6", "7", "8", "9")
    assert len(dataset.check()) == 8
    assert dataset.prepare() == f"{tmp_path / 'FashionMNIST' / 'raw'} and {tmp_path / 'MNIST' / 'raw'}"


def test_what_is_absent_is_fetched(arrays, tmp_path, no_network):
    for name in arrays[Mnist]:
        (tmp_path / "MNIST" / "raw" / name).unlink()
    with pytest.raises(DataError, match="cannot download mnist .* run `moe-lab data prepare mnist"):
        FmnistMnist(root=str(tmp_path)).load()
    assert no_network == ["MNIST"]


def test_real_data(real_data):
    data = FmnistMnist(root=str(real_data)).load()
    assert [len(data.train), len(data.validation), len(data.test)] == [9000, 1000, 2000]
    assert torch.bincount(data.test.y_N).tolist() == [167, 167, 167, 167, 166, 166] * 2
    assert data.attributes["source"].sum() == 1000
    assert len(set(torch.cat([data.train.index_N, data.validation.index_N]).tolist())) == 10_000
