import inspect
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from moe_lab.config.signatures import hints, typed
from moe_lab.data.cifar import Cifar10, Cifar100
from moe_lab.data.dataset import Data, Dataset, Split, batches
from moe_lab.data.digits import Digits
from moe_lab.data.fmnist_mnist import FmnistMnist
from moe_lab.data.imbalanced_mnist import ImbalancedMnist
from moe_lab.data.mnist import FashionMnist, Mnist
from moe_lab.data.mnist_first import FirstMnist
from moe_lab.data.npz import Npz
from moe_lab.data.toy_sets import ToyCheckerboard, ToyCircles, ToyClusters, ToyGaussians
from moe_lab.errors import ConfigError

IMAGES = (Digits, Mnist, FashionMnist, FmnistMnist, ImbalancedMnist, FirstMnist, Cifar10, Cifar100)
TOYS = (ToyClusters, ToyCheckerboard, ToyCircles, ToyGaussians)
CLASSES = (*IMAGES, *TOYS, Npz)


def split_of(count):
    return Split(torch.zeros(count, 6), torch.zeros(count, dtype=torch.int64), torch.arange(count))


def test_sizes_follow_from_shape_and_names():
    data = Data(split_of(4), split_of(0), split_of(2), (1, 2, 3), ("a", "b"), {"class": np.zeros(2, dtype=np.int64)})
    assert data.features == 6  # 1 x 2 x 3
    assert data.classes == 2
    assert [len(split) for split in (data.train, data.validation, data.test)] == [4, 0, 2]


def test_to_moves_every_tensor_of_every_split():
    data = Data(split_of(4), split_of(0), split_of(2), (6,), ("a", "b"), {"class": np.zeros(2, dtype=np.int64)})
    moved = data.to("meta")
    for split in (moved.train, moved.validation, moved.test):
        assert {tensor.device.type for tensor in (split.x_ND, split.y_N, split.index_N)} == {"meta"}
    assert moved.shape == data.shape and moved.attributes is data.attributes and moved.augment is None


@pytest.mark.parametrize("cls", CLASSES)
def test_options_are_keyword_only_and_typed(cls):
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)
    assert issubclass(cls, Dataset) and not issubclass(cls, torch.nn.Module)


@pytest.mark.parametrize("cls", CLASSES)
def test_making_one_reads_nothing(cls, tmp_path):
    options = {"path": str(tmp_path / "none.npz")} if cls is Npz else {}
    assert cls(**options).split_seed == 0


@dataclass(kw_only=True)
class Mine(Digits):
    """States only what it adds and what it changes."""

    shift: float = 0.5
    split_seed: int = 7


class Plain(Digits):
    """A class with a signature of its own, as a plug-in may have it."""

    def __init__(self, *, shift: float, validation_share: float = 0.2) -> None:
        super().__init__(validation_share=validation_share)
        self.shift = shift


def test_a_subclass_states_only_what_it_adds_or_changes():
    mine = Mine(validation_share=0.2)
    assert (mine.validation_share, mine.split_seed, mine.shift) == (0.2, 7, 0.5)
    assert list(hints(Mine)) == ["validation_share", "split_seed", "shift"]
    assert typed(Mine, {"shift": 1, "validation_share": 0.2}, "dataset") == {"shift": 1.0, "validation_share": 0.2}
    with pytest.raises(ConfigError, match=r"dataset.validation_share=2: must be less than 1"):
        typed(Mine, {"validation_share": 2}, "dataset")
    # ceil(.2 x 1437) = 288
    assert len(mine.load().validation) == 288


def test_a_plain_subclass_is_a_data_set_too():
    plain = Plain(shift=1.0)
    assert (plain.shift, plain.validation_share, plain.split_seed) == (1.0, 0.2, 0)
    assert list(hints(Plain)) == ["shift", "validation_share"]
    assert len(plain.load().validation) == 288


def test_the_first_wrong_option_is_that_of_the_config_not_that_of_the_base():
    options = {"noise": -1.0, "validation_share": 2.0}
    with pytest.raises(ConfigError, match=r"dataset.noise=-1"):
        typed(ToyCircles, options, "dataset")
    with pytest.raises(ConfigError, match=r"dataset.validation_share=2"):
        typed(ToyCircles, dict(reversed(options.items())), "dataset")


def test_the_engine_needs_none_of_the_heavy_modules():
    code = (
        "import sys, moe_lab.data.dataset, moe_lab.data.digits, moe_lab.data.mnist, moe_lab.data.npz,"
        "moe_lab.data.fmnist_mnist, moe_lab.data.cifar, moe_lab.data.toy_sets;"
        "print(sorted({'torchvision', 'sklearn', 'hydra', 'typer', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_batches_keep_what_is_made_of_them_small():
    split = split_of(3000)
    sizes = [[len(y_B) for _, y_B in batches(split, False, 32, numbers)] for numbers in (1, 2**22 // 1000, 256_000)]
    # 1,024 at most; 2^22 // 4194 = 1000; 2^22 // 256,000 = 16
    assert [one[0] for one in sizes] == [1024, 1000, 16] and all(sum(one) == 3000 for one in sizes)
    # a batch is never empty, and has the size of training where predictions depend on batch-mates
    assert [len(y_B) for _, y_B in batches(split_of(3), False, 32, 2**30)] == [1, 1, 1]
    assert [len(y_B) for _, y_B in batches(split_of(70), True, 32, 2**30)] == [32, 32, 6]
