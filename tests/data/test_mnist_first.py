import numpy as np
import torch

from moe_lab.data.mnist import TEST_IMAGES, TRAIN_LABELS
from moe_lab.data.mnist_first import FirstMnist


def test_the_first_of_each_part_in_the_order_of_the_files(files, tmp_path):
    files.write(tmp_path / "SmallMNIST" / "raw")
    hooks = {"kept_rows": FirstMnist.kept_rows, "test_rows": FirstMnist.test_rows}
    small = type("First", (files.dataset_class(), FirstMnist), hooks)(root=str(tmp_path), validation_share=0.25)
    small.train_samples, small.test_samples = 12, 4
    data = small.load()
    # 12 of 30, a quarter of them held out, one of each of three classes
    rows = torch.cat([data.train.index_N, data.validation.index_N]).sort().values
    assert rows.tolist() == list(range(12)) and torch.bincount(data.validation.y_N).tolist() == [1, 1, 1]
    assert data.train.y_N.tolist() == files.arrays[TRAIN_LABELS][data.train.index_N].tolist()
    assert data.test.index_N.tolist() == [0, 1, 2, 3] == list(range(len(data.attributes["class"])))
    first = (files.arrays[TEST_IMAGES][0].ravel() / 255 - 0.5) / 0.25
    np.testing.assert_allclose(data.test.x_ND[0], first, rtol=1e-5)


def test_real_data(real_data):
    data = FirstMnist(root=str(real_data), validation_share=0.0).load()
    assert (len(data.train), len(data.validation), len(data.test)) == (10_000, 0, 2_000)
    assert (data.train.x_ND.min().item(), data.train.x_ND.max().item()) == (-1, 1)
    # the digits that MNIST's training part begins with
    assert data.train.y_N[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
