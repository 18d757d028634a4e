import numpy as np
import torch

from moe_lab.data.imbalanced_mnist import ImbalancedMnist, long_tail
from moe_lab.data.mnist import TRAIN_LABELS


def test_the_profile_by_hand():
    # 100 / 16^(c/4) = 100, 50, 25, 12.5, 6.25
    assert long_tail(100, 5, 16.0) == [100, 50, 25, 12, 6]
    assert long_tail(100, 3, 1.0) == [100, 100, 100]
    # 10 / 10000^(c/2) = 10, .1, .001
    assert long_tail(10, 3, 10_000.0) == [10, 1, 1]


def test_each_class_keeps_its_first_samples(files, tmp_path):
    files.write(tmp_path / "SmallMNIST" / "raw")
    small = type("Tail", (files.dataset_class(), ImbalancedMnist), {"kept_rows": ImbalancedMnist.kept_rows})
    dataset = small(root=str(tmp_path), validation_share=0.0, split_seed=0)
    dataset.ratio = 4.0
    data = dataset.load()
    # three classes of ten in turns: 10, 10 / 4^(1/2) = 5, 10 / 4 = 2.5
    assert torch.bincount(data.train.y_N).tolist() == [10, 5, 2]
    y_N = files.arrays[TRAIN_LABELS]
    for c, count in enumerate([10, 5, 2]):
        assert data.train.index_N[data.train.y_N == c].tolist() == np.flatnonzero(y_N == c)[:count].tolist()
    assert torch.bincount(data.test.y_N).tolist() == [3, 3, 3]


def test_real_data(real_data):
    data = ImbalancedMnist(root=str(real_data)).load()
    total_C = torch.bincount(data.train.y_N) + torch.bincount(data.validation.y_N)
    # MNIST's smallest class has 5421: 5421 / 100^(c/9)
    assert total_C.tolist() == [5421, 3249, 1948, 1167, 700, 419, 251, 150, 90, 54]
    # ceil(.1 x 13449) = 1345
    assert (len(data.validation), len(data.test)) == (1345, 10000)
    whole = ImbalancedMnist(root=str(real_data), ratio=1.0, validation_share=0.0).load()
    assert torch.bincount(whole.train.y_N).tolist() == [5421] * 10
