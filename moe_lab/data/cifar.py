"""CIFAR-10 and CIFAR-100."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from moe_lab.data.archive import ArchiveSource
from moe_lab.data.augment import flip_and_crop
from moe_lab.data.dataset import Data, InDataFolder
from moe_lab.data.images import image_split
from moe_lab.data.strokes import image_columns
from moe_lab.data.units import Units
from moe_lab.layers.noise import Noise


@dataclass(kw_only=True)
class CifarImages(InDataFolder):
    """Colour images in pickled batches, with a training and a test part; x = (pixel / 255 - mean) / sd by channel.

    ``root`` is the data folder; the batches lie in ``root/FOLDER`` as torchvision has it. If there are none at all,
    `load` unpacks the archive in ``root``, or downloads it. ``augment`` flips and crops training images.
    """

    torchvision_name: ClassVar[str]
    folder_name: ClassVar[str]
    archive_name: ClassVar[str]
    md5s: ClassVar[dict[str, str]]
    train_files: ClassVar[tuple[str, ...]]
    test_file: ClassVar[str]
    meta_file: ClassVar[str]
    #: where the meta file has the classes' names, and how many there are
    names_key: ClassVar[str]
    classes: ClassVar[int]
    #: attributes and the keys of their labels in a batch; the first is the class
    label_keys: ClassVar[dict[str, str]]
    mean: ClassVar[tuple[float, float, float]]
    sd: ClassVar[tuple[float, float, float]]
    shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)

    augment: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The data set's name on the command line; a subclass writes it, and what is declared above, as attributes."""

    @property
    def source(self) -> ArchiveSource:
        return ArchiveSource(
            self.name, self.torchvision_name, self.md5s, self.data_folder, self.folder_name, self.archive_name
        )

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The names are those of the meta file; before it is there, the numbers of the labels."""
        if self.source.find(self.meta_file) is None:
            return self.shape, tuple(map(str, range(self.classes)))
        return self.shape, self._class_names()

    def units(self) -> Units:
        return Units(255, self.mean, self.sd)

    def load(self) -> Data:
        self.source.prepare_if_absent()
        image_ND, labels = self._part(self.train_files)
        test_ND, test_labels = self._part((self.test_file,))
        y_N, y_test_N = labels["class"], test_labels["class"]
        train, validation = self.split_rows(y_N)
        split = partial(image_split, largest=255, mean=self.mean, sd=self.sd)
        return Data(
            train=split(image_ND, y_N, train),
            validation=split(image_ND, y_N, validation),
            test=split(test_ND, y_test_N, np.arange(len(y_test_N))),
            shape=self.shape,
            class_names=self._class_names(),
            units=self.units(),
            attributes=test_labels | image_columns(test_ND.reshape(-1, *self.shape), 255),
            augment=self.flip_and_crop if self.augment else None,
        )

    def check(self) -> list[dict[str, str]]:
        return [self._row(file) for file in self.md5s]

    def prepare(self) -> Path:
        return self.source.prepare()

    def flip_and_crop(self, x_BD: Tensor, noise: Noise) -> Tensor:
        """Training images as they are augmented: flipped, and cropped after padding by reflection."""
        return flip_and_crop(x_BD, self.shape, noise)

    def _part(self, files: tuple[str, ...]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Bytes (N, D), channel after channel, and the labels of each attribute."""
        batches = [self.source.read(file) for file in files]
        labels = {
            attribute: np.concatenate([batch[key] for batch in batches]).astype(np.int64)
            for attribute, key in self.label_keys.items()
        }
        return np.concatenate([batch["data"] for batch in batches]), labels

    def _class_names(self) -> tuple[str, ...]:
        return tuple(name.decode() for name in self.source.read(self.meta_file)[self.names_key])

    def _row(self, file: str) -> dict[str, str]:
        path, batch = self.source.folder / file, self.source.read(file)
        found = f"{len(batch[self.names_key])} names" if file == self.meta_file else _sizes(batch)
        return {"file": str(path), "source": "data folder", "found": f"{found}, md5 {self.md5s[file]}"}


def _sizes(batch: dict[str, Any]) -> str:
    return f"{' x '.join(map(str, batch['data'].shape))} bytes"


class Cifar10(CifarImages):
    """Small photographs: 50,000 training and 10,000 test images of 32 x 32 colour pixels in 10 classes.

    mean (.49, .48, .45) and sd (.25, .24, .26) are those of the reference code of arXiv:2302.14703. Tried on small
    files of the same format, not yet on the real ones: no number of moe-lab's stands on it.

    Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images"
    """

    name = "cifar10"
    torchvision_name = "CIFAR10"
    folder_name = "cifar-10-batches-py"
    archive_name = "cifar-10-python.tar.gz"
    train_files = tuple(f"data_batch_{number}" for number in range(1, 6))
    test_file = "test_batch"
    meta_file = "batches.meta"
    names_key = "label_names"
    classes = 10
    label_keys = {"class": "labels"}
    mean, sd = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    md5s = {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    }


class Cifar100(CifarImages):
    """Small photographs: 50,000 training and 10,000 test images of 32 x 32 colour pixels in 100 classes.

    The classes come in groups of five; the attribute ``superclass`` is the group. mean (.5074, .4867, .4411) and sd
    (.2011, .1987, .2025) are those of the reference code of arXiv:2302.14703. Tried on small files of the same format,
    not yet on the real ones: no number of moe-lab's stands on it.

    Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images"
    """

    name = "cifar100"
    torchvision_name = "CIFAR100"
    folder_name = "cifar-100-python"
    archive_name = "cifar-100-python.tar.gz"
    train_files = ("train",)
    test_file = "test"
    meta_file = "meta"
    names_key = "fine_label_names"
    classes = 100
    label_keys = {"class": "fine_labels", "superclass": "coarse_labels"}
    mean, sd = (0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)
    md5s = {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    }
