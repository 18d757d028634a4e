"""MNIST and data sets in the format of its files."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from moe_lab.data.dataset import Data, InDataFolder
from moe_lab.data.images import image_split
from moe_lab.data.source import IdxSource
from moe_lab.data.strokes import image_columns
from moe_lab.data.units import Units

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@dataclass(kw_only=True)
class IdxImages(InDataFolder):
    """Grey images in four IDX files, with a training and a test part; x = (pixel / 255 - mean) / sd.

    ``root`` is the data folder; the files lie in ``root/NAME/raw`` as torchvision has it, or in ``system_folder``.
    If there are none at all, `load` downloads them.
    """

    torchvision_name: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]
    md5s: ClassVar[dict[str, str]]
    mean: ClassVar[float]
    sd: ClassVar[float]
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    system_folder: ClassVar[Path | None] = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The data set's name on the command line; a subclass writes it, and what is declared above, as attributes."""

    @property
    def source(self) -> IdxSource:
        return IdxSource(self.name, self.torchvision_name, self.md5s, self.data_folder, self.system_folder)

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return self.shape, self.class_names

    def units(self) -> Units:
        return Units(255, self.mean, self.sd)

    def load(self) -> Data:
        source = self.source
        source.prepare_if_absent()
        y_train_N, y_test_N = source.read(TRAIN_LABELS), source.read(TEST_LABELS)
        kept = self.kept_rows(y_train_N)
        train, validation = (kept[rows] for rows in self.split_rows(y_train_N[kept]))
        test = self.test_rows(y_test_N)
        split = partial(image_split, largest=255, mean=self.mean, sd=self.sd)
        image_NHW, test_NHW = source.read(TRAIN_IMAGES), source.read(TEST_IMAGES)
        return Data(
            train=split(image_NHW, y_train_N, train),
            validation=split(image_NHW, y_train_N, validation),
            test=split(test_NHW, y_test_N, test),
            shape=self.shape,
            class_names=self.class_names,
            units=self.units(),
            attributes={"class": y_test_N[test].astype(np.int64), **image_columns(test_NHW[test], 255)},
        )

    def kept_rows(self, y_N: np.ndarray) -> np.ndarray:
        """Rows of the training part that are used, given its labels: all, unless a subclass overrides this."""
        return np.arange(len(y_N))

    def test_rows(self, y_N: np.ndarray) -> np.ndarray:
        """Rows of the test part that are used, given its labels: all, unless a subclass overrides this."""
        return np.arange(len(y_N))

    def check(self) -> list[dict[str, str]]:
        return [self._row(file) for file in self.md5s]

    def prepare(self) -> Path:
        return self.source.prepare()

    def _row(self, file: str) -> dict[str, str]:
        source = self.source
        path, shape = source.found(file), source.read(file).shape
        sizes = " x ".join(map(str, shape))
        return {"file": str(path), "source": source.place(path), "found": f"{sizes} bytes, md5 {self.md5s[file]}"}


class Mnist(IdxImages):
    """Handwritten digits: 60,000 training and 10,000 test images of 28 x 28 grey pixels in 10 classes.

    mean .1307 and sd .3081 are those of the training pixels.

    Source: LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition"
    """

    name = "mnist"
    torchvision_name = "MNIST"
    class_names = tuple("0123456789")
    mean, sd = 0.1307, 0.3081
    md5s = {
        TRAIN_IMAGES: "6bbc9ace898e44ae57da46a324031adb",
        TRAIN_LABELS: "a25bea736e30d166cdddb491f175f624",
        TEST_IMAGES: "2646ac647ad5339dbf082846283269ea",
        TEST_LABELS: "27ae3e4e09519cfbb04c329615203637",
    }


class FashionMnist(IdxImages):
    """Pictures of clothes: 60,000 training and 10,000 test images of 28 x 28 grey pixels in 10 classes.

    mean .2859 and sd .3530 are those of the training pixels. Debian's package dataset-fashion-mnist is the system copy.

    Source: Xiao, Rasul & Vollgraf 2017, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", arXiv:1708.07747
    """

    name = "fashion_mnist"
    torchvision_name = "FashionMNIST"
    class_names = (
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )
    mean, sd = 0.2859, 0.3530
    system_folder = Path("/usr/share/datasets/fashion-mnist")
    md5s = {
        TRAIN_IMAGES: "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        TRAIN_LABELS: "9018921c3c673c538a1fc5bad174d6f9",
        TEST_IMAGES: "8181f5470baa50b63fa0f6fddb340f0a",
        TEST_LABELS: "15d484375f8d13e6eb1aabb0c3f46965",
    }
