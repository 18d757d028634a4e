"""The first part of MNIST."""

from dataclasses import dataclass

import numpy as np

from moe_lab.config.ranges import Count
from moe_lab.data.mnist import Mnist


@dataclass(kw_only=True)
class FirstMnist(Mnist):
    """The first handwritten digits: 10,000 training and 2,000 test images of MNIST, x = (pixel / 255 - .5) / .5.

    The first samples of each part in file order, not balanced by class. The validation split is taken from these
    training samples.

    train_samples: number of training samples, of 60,000.
    test_samples:  number of test samples, of 10,000.

    Source: LeCun et al. 1998; the choice is that of the code of Krishnamurthy, Watkins & Gaertner 2023,
    arXiv:2302.14703 (preliminary study)
    """

    name = "mnist_first"
    mean, sd = 0.5, 0.5

    train_samples: Count = 10_000
    test_samples: Count = 2_000

    def kept_rows(self, y_N: np.ndarray) -> np.ndarray:
        return np.arange(len(y_N))[: self.train_samples]

    def test_rows(self, y_N: np.ndarray) -> np.ndarray:
        return np.arange(len(y_N))[: self.test_samples]
