"""On small files in CIFAR's format: the real ones have not been read here."""

import inspect

import numpy as np
import pytest
import torch

from moe_lab.data.augment import flip_and_crop
from moe_lab.data.cifar import Cifar10, Cifar100, CifarImages
from moe_lab.data.vision import import_torchvision
from moe_lab.layers.noise import Noise, generator


@pytest.fixture
def small10(cifar10, tmp_path):
    cifar10.write(tmp_path)
    return cifar10.cls(root=str(tmp_path))


@pytest.fixture
def small100(cifar100, tmp_path):
    cifar100.write(tmp_path)
    return cifar100.cls(root=str(tmp_path))


def expected(bytes_ND, mean, sd):
    image_NCHW = bytes_ND.reshape(-1, 3, 32, 32) / 255
    scaled = (image_NCHW - np.reshape(mean, (3, 1, 1))) / np.reshape(sd, (3, 1, 1))
    return scaled.reshape(len(bytes_ND), -1)


def test_the_splits_hold_the_batches_pixels_in_order(cifar10, small10):
    data = small10.load()
    whole = np.concatenate([cifar10.batches[f"data_batch_{number}"][b"data"] for number in range(1, 6)])
    labels = sum((cifar10.batches[f"data_batch_{number}"][b"labels"] for number in range(1, 6)), [])
    # 60 images; ceil(.1 x 60) = 6 for validation
    assert [len(data.train), len(data.validation), len(data.test)] == [54, 6, 10]
    mean, sd = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    for split in (data.train, data.validation):
        rows = split.index_N.numpy()
        np.testing.assert_allclose(split.x_ND.numpy(), expected(whole[rows], mean, sd), rtol=1e-5, atol=1e-6)
        assert split.y_N.tolist() == [labels[row] for row in rows]
    test = cifar10.batches["test_batch"]
    np.testing.assert_allclose(data.test.x_ND.numpy(), expected(test[b"data"], mean, sd), rtol=1e-5, atol=1e-6)
    assert data.attributes.keys() == {"class", "ink"}


def test_superclasses_are_an_attribute(cifar100, small100):
    data = small100.load()
    test = cifar100.batches["test"]
    assert data.attributes["class"].tolist() == test[b"fine_labels"] == data.test.y_N.tolist()
    assert data.attributes["superclass"].tolist() == test[b"coarse_labels"]
    mean, sd = (0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)
    np.testing.assert_allclose(data.test.x_ND.numpy(), expected(test[b"data"], mean, sd), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_class_names_come_from_the_meta_file(request, name, tmp_path):
    files = request.getfixturevalue(name)
    small = files.cls(root=str(tmp_path))
    shape, numbers = small.describe()
    assert shape == (3, 32, 32) and numbers == tuple(str(number) for number in range(small.classes))
    files.write(tmp_path)
    assert small.describe() == (shape, tuple(f"class {number}" for number in range(small.classes)))
    assert small.load().class_names == small.describe()[1]


def test_check_names_each_file_and_what_it_holds(cifar100, small100):
    assert [row["found"] for row in small100.check()] == [
        f"200 x 3072 bytes, md5 {cifar100.md5s['train']}",
        f"110 x 3072 bytes, md5 {cifar100.md5s['test']}",
        f"100 names, md5 {cifar100.md5s['meta']}",
    ]


def test_training_images_are_augmented_unless_told_otherwise(cifar10, small10, tmp_path):
    data = small10.load()
    x_BD = data.train.x_ND[:5]
    one, two = (Noise([generator(3, "noise")]) for _ in range(2))
    assert torch.equal(data.augment(x_BD, one), flip_and_crop(x_BD, (3, 32, 32), two))
    assert cifar10.cls(root=str(tmp_path), augment=False).load().augment is None


def test_the_common_base_is_no_data_set():
    assert inspect.isabstract(CifarImages) and not inspect.isabstract(Cifar10)


@pytest.mark.parametrize("cls", [Cifar10, Cifar100])
def test_checksums_and_places_are_torchvisions(cls):
    theirs = getattr(import_torchvision().datasets, cls.torchvision_name)
    meta = [theirs.meta["filename"], theirs.meta["md5"]]
    assert list(map(list, cls.md5s.items())) == [*theirs.train_list, *theirs.test_list, meta]
    assert (cls.folder_name, cls.archive_name) == (theirs.base_folder, theirs.filename)
    assert [*cls.train_files, cls.test_file] == [file for file, _ in theirs.train_list + theirs.test_list]
    assert cls.names_key == theirs.meta["key"]


@pytest.mark.filterwarnings("ignore:dtype..:Warning")
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_torchvision_reads_the_small_files_alike(request, name, tmp_path):
    files = request.getfixturevalue(name)
    files.write(tmp_path)
    parent = getattr(import_torchvision().datasets, files.cls.torchvision_name)
    lists = {key: [[file, files.md5s[file]] for file, _ in getattr(parent, key)] for key in ("train_list", "test_list")}
    meta = {**parent.meta, "md5": files.md5s[parent.meta["filename"]]}
    theirs = type("Small", (parent,), {**lists, "meta": meta})
    data = files.cls(root=str(tmp_path), validation_share=0.0).load()
    for split, train in ((data.train, True), (data.test, False)):
        other = theirs(str(tmp_path), train=train)
        assert split.y_N.tolist() == other.targets
        pixels = split.x_ND.unflatten(1, (3, 1024)) * torch.tensor(files.cls.sd)[:, None]
        pixels = ((pixels + torch.tensor(files.cls.mean)[:, None]) * 255).round().byte().reshape(-1, 3, 32, 32)
        assert np.array_equal(pixels.permute(0, 2, 3, 1).numpy(), other.data)
        assert list(data.class_names) == other.classes
