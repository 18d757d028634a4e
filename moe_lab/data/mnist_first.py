"""The first part of MNIST."""

import numpy as np

from moe_lab.config.ranges import Count, Seed, Share
from moe_lab.data.mnist import Mnist


class FirstMnist(Mnist):
    """The first handwritten digits: 10,000 training and 2,000 test images of MNIST, x = (pixel / 255 - .5) / .5.

    The first so many of each part, in the order of its files, with as many of each class as come. The validation split
    is taken from these training samples.

    train_samples: how many of the 60,000.
    test_samples:  how many of the 10,000.

    Source: LeCun et al. 1998; the choice is that of the code of Krishnamurthy, Watkins & Gaertner 2023,
    arXiv:2302.14703 (preliminary study)
    """

    name = "mnist_first"
    mean, sd = 0.5, 0.5

    def __init__(
        self,
        *,
        root: str = "data",
        train_samples: Count = 10_000,
        test_samples: Count = 2_000,
        validation_share: Share = 0.1,
        split_seed: Seed = 0,
    ) -> None:
        super().__init__(root=root, validation_share=validation_share, split_seed=split_seed)
        self.train_samples = train_samples
        self.test_samples = test_samples

    def kept_rows(self, y_N: np.ndarray) -> np.ndarray:
        return np.arange(len(y_N))[: self.train_samples]

    def test_rows(self, y_N: np.ndarray) -> np.ndarray:
        return np.arange(len(y_N))[: self.test_samples]
