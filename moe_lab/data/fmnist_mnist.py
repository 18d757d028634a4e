"""Clothes and digits in one set."""

from dataclasses import dataclass

import numpy as np
import torch

from moe_lab.data.dataset import Data, InDataFolder, Split
from moe_lab.data.first import even_counts, first_rows
from moe_lab.data.images import image_split
from moe_lab.data.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, FashionMnist, IdxImages, Mnist
from moe_lab.data.strokes import image_columns
from moe_lab.data.units import Units

TRAIN_SAMPLES, TEST_SAMPLES = 10_000, 2_000
#: classes of each source: its labels in the order of the set's own
FASHION_LABELS, DIGIT_LABELS = (0, 1, 2, 3, 4, 5), (4, 5, 6, 7, 8, 9)


@dataclass(kw_only=True)
class FmnistMnist(InDataFolder):
    """Clothes and digits in one set: 6 classes of Fashion-MNIST and 6 of MNIST, 10,000 training and 2,000 test images.

    Fashion-MNIST's labels 0-5 stay, the digits 4-9 become 6-11; x = (pixel / 255 - .5) / .5. Each source gives half of
    each part, as evenly over its classes as that goes (5,000 = 6 x 833 + 2 and 1,000 = 6 x 166 + 4: its first two, or
    four, classes have one sample more), each class its first samples. index_N counts the source's rows, MNIST's after
    all of Fashion-MNIST's. The attribute ``source`` is 0 for clothes, 1 for digits: a split that experts might find.

    Source: Krishnamurthy, Watkins & Gaertner 2023, "Improving expert specialization in mixture of experts",
    arXiv:2302.14703, its reference code's combined data; Xiao et al. 2017 and LeCun et al. 1998
    """

    shape = (1, 28, 28)
    mean, sd = 0.5, 0.5

    def __post_init__(self) -> None:
        self.fashion = FashionMnist(root=self.root)
        self.digits = Mnist(root=self.root)

    @property
    def class_names(self) -> tuple[str, ...]:
        clothes = tuple(self.fashion.class_names[label] for label in FASHION_LABELS)
        return clothes + tuple(self.digits.class_names[label] for label in DIGIT_LABELS)

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return self.shape, self.class_names

    def units(self) -> Units:
        return Units(255, self.mean, self.sd)

    def load(self) -> Data:
        for images in (self.fashion, self.digits):
            images.source.prepare_if_absent()
        train = self._part(TRAIN_IMAGES, TRAIN_LABELS, TRAIN_SAMPLES)
        test = self._part(TEST_IMAGES, TEST_LABELS, TEST_SAMPLES)
        kept, held_out = map(torch.from_numpy, self.split_rows(train.y_N.numpy()))
        y_N = test.y_N.numpy()
        return Data(
            train=_rows(train, kept),
            validation=_rows(train, held_out),
            test=test,
            shape=self.shape,
            class_names=self.class_names,
            units=self.units(),
            attributes={
                "class": y_N,
                "source": (y_N >= len(FASHION_LABELS)).astype(np.int64),
                # pixels from -1 to 1, as they are normalised
                **image_columns((test.x_ND.numpy().reshape(-1, *self.shape) + 1) / 2, 1),
            },
            truth="source",
        )

    def check(self) -> list[dict[str, str]]:
        return self.fashion.check() + self.digits.check()

    def prepare(self) -> str:
        return f"{self.fashion.prepare()} and {self.digits.prepare()}"

    def _part(self, images: str, labels: str, samples: int) -> Split:
        """The first samples of each class of both sources, clothes first."""
        clothes, offset = self._half(self.fashion, FASHION_LABELS, images, labels, samples // 2)
        digits, _ = self._half(self.digits, DIGIT_LABELS, images, labels, samples // 2)
        return Split(
            torch.cat([clothes.x_ND, digits.x_ND]),
            torch.cat([clothes.y_N, digits.y_N + len(FASHION_LABELS)]),
            torch.cat([clothes.index_N, digits.index_N + offset]),
        )

    def _half(
        self, origin: IdxImages, chosen: tuple[int, ...], images: str, labels: str, samples: int
    ) -> tuple[Split, int]:
        """Samples of the chosen classes, numbered by their place among the chosen, and how many rows the origin has."""
        y_N = origin.source.read(labels)
        place = {label: number for number, label in enumerate(chosen)}
        number_N = np.array([place.get(label, -1) for label in range(len(origin.class_names))])[y_N]
        rows = first_rows(number_N, even_counts(samples, len(chosen)))
        split = image_split(origin.source.read(images), number_N, rows, largest=255, mean=self.mean, sd=self.sd)
        return split, len(y_N)


def _rows(split: Split, rows: torch.Tensor) -> Split:
    return Split(split.x_ND[rows], split.y_N[rows], split.index_N[rows])
