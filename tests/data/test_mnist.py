import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from moe_lab.data.mnist import TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, FashionMnist, IdxImages, Mnist


@pytest.fixture
def small(files, tmp_path):
    files.write(tmp_path / "SmallMNIST" / "raw")
    return files.dataset_class()(root=str(tmp_path))


def test_the_splits_hold_the_files_pixels(files, small):
    data = small.load()
    for split, images, labels in (
        (data.train, TRAIN_IMAGES, TRAIN_LABELS),
        (data.validation, TRAIN_IMAGES, TRAIN_LABELS),
        (data.test, "t10k-images-idx3-ubyte", TEST_LABELS),
    ):
        rows = split.index_N.numpy()
        expected = (files.arrays[images][rows].reshape(len(rows), -1) / 255 - 0.5) / 0.25
        np.testing.assert_allclose(split.x_ND.numpy(), expected, rtol=1e-5, atol=1e-6)
        assert np.array_equal(split.y_N.numpy(), files.arrays[labels][rows])


def test_sizes_by_hand(small):
    data = small.load()
    # ceil(.1 x 30) = 3 for validation, one of each of three equal classes
    assert [len(data.train), len(data.validation), len(data.test)] == [27, 3, 9]
    assert torch.bincount(data.validation.y_N).tolist() == [1, 1, 1]
    assert data.test.index_N.tolist() == list(range(9))
    assert data.attributes["class"].tolist() == [0, 1, 2] * 3
    assert (data.shape, data.class_names) == small.describe() == ((1, 2, 3), ("a", "b", "c"))


def test_split_seed_changes_the_validation_split_alone(files, tmp_path):
    files.write(tmp_path / "SmallMNIST" / "raw")
    one, two = (files.dataset_class()(root=str(tmp_path), split_seed=seed).load() for seed in (1, 2))
    assert one.validation.index_N.tolist() != two.validation.index_N.tolist()
    assert torch.equal(one.test.x_ND, two.test.x_ND)


def test_a_validation_share_of_zero_trains_on_everything(files, tmp_path):
    files.write(tmp_path / "SmallMNIST" / "raw")
    data = files.dataset_class()(root=str(tmp_path), validation_share=0.0).load()
    assert data.train.index_N.tolist() == list(range(30))
    assert data.validation.x_ND.shape == (0, 6)


def test_check_names_each_file_and_what_it_holds(small, tmp_path):
    rows = small.check()
    assert [Path(row["file"]).name for row in rows] == list(small.md5s)
    assert rows[0]["found"] == f"30 x 2 x 3 bytes, md5 {small.md5s[TRAIN_IMAGES]}"
    assert {row["source"] for row in rows} == {"data folder"}


def test_the_common_base_is_no_data_set():
    assert inspect.isabstract(IdxImages) and not inspect.isabstract(FashionMnist)


def test_describe_needs_no_files(tmp_path):
    shape, names = FashionMnist(root=str(tmp_path)).describe()
    assert shape == (1, 28, 28)
    assert (names[0], names[-1], len(names)) == ("T-shirt/top", "ankle boot", 10)


#: of the whole training parts, as their authors give them
TRAIN_COUNTS = {
    Mnist: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    FashionMnist: [6000] * 10,
}
TEST_COUNTS = {
    Mnist: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    FashionMnist: [1000] * 10,
}


@pytest.mark.parametrize("cls", [Mnist, FashionMnist])
def test_real_data(cls, real_data):
    data = cls(root=str(real_data)).load()
    assert [len(data.train), len(data.validation), len(data.test)] == [54000, 6000, 10000]
    train_C, validation_C = torch.bincount(data.train.y_N), torch.bincount(data.validation.y_N)
    assert (train_C + validation_C).tolist() == TRAIN_COUNTS[cls]
    assert (validation_C - torch.tensor(TRAIN_COUNTS[cls]) / 10).abs().max() < 1
    assert torch.bincount(data.test.y_N).tolist() == TEST_COUNTS[cls]
    # the constants are the moments of all 60,000, rounded to four digits
    pixels = torch.cat([data.train.x_ND, data.validation.x_ND])
    assert pixels.mean().item() == pytest.approx(0, abs=1e-3)
    assert pixels.std().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("cls", [Mnist, FashionMnist])
def test_real_files_pass_the_check(cls, real_data):
    assert len(cls(root=str(real_data)).check()) == 4
