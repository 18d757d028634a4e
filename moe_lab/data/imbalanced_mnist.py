"""MNIST with a long tail."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from moe_lab.config.ranges import Range
from moe_lab.data.first import first_rows
from moe_lab.data.mnist import Mnist

Ratio = Annotated[float, Range(ge=1)]


@dataclass(kw_only=True)
class ImbalancedMnist(Mnist):
    """Handwritten digits with a long tail: ever fewer training samples from digit 0 to 9; the test split is whole.

    Class c keeps the first floor(n ratio^(-c / (C-1))) samples of MNIST's training part, at least one; n is the size of
    its smallest class (5,421), so that every class has as many. The validation split is taken from what is left, so it
    has the same tail. The subsets of the reference code of arXiv:2302.14703 are not public; these are others.

    ratio: samples of class 0 to those of class 9; 1 balances the classes.

    Source: LeCun et al. 1998; the profile of Cui, Jia, Lin, Song & Belongie 2019, "Class-balanced loss based on
    effective number of samples", arXiv:1901.05555
    """

    name = "imbalanced_mnist"

    ratio: Ratio = 100.0

    def kept_rows(self, y_N: np.ndarray) -> np.ndarray:
        return first_rows(y_N, long_tail(int(np.bincount(y_N).min()), len(self.class_names), self.ratio))


def long_tail(largest: int, classes: int, ratio: float) -> list[int]:
    """Counts that fall by a constant factor from ``largest`` to ``largest / ratio``, rounded down, at least one."""
    return [max(1, int(largest / ratio ** (c / (classes - 1)))) for c in range(classes)]
