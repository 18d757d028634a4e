import numpy as np
import pytest
import torch

from moe_lab.data.images import image_split

IMAGE_NHW = np.array([[[0, 255]], [[51, 102]], [[204, 153]]], dtype=np.uint8)
Y_N = np.array([0, 1, 2], dtype=np.uint8)


def test_values_by_hand():
    split = image_split(IMAGE_NHW, Y_N, np.array([1, 0]), largest=255, mean=0.5, sd=0.25)
    # 51/255 = .2 -> (.2 - .5) / .25 = -1.2;  102/255 = .4 -> -.4;  0 -> -2;  1 -> 2
    torch.testing.assert_close(split.x_ND, torch.tensor([[-1.2, -0.4], [-2.0, 2.0]]))
    assert split.y_N.tolist() == [1, 0]
    assert split.index_N.tolist() == [1, 0]
    assert (split.x_ND.dtype, split.y_N.dtype, split.index_N.dtype) == (torch.float32, torch.int64, torch.int64)


def test_each_channel_has_its_own_mean_and_sd():
    image_NCHW = np.array([[[[0, 10]], [[20, 30]]]], dtype=np.uint8)
    split = image_split(image_NCHW, Y_N, np.array([0]), largest=10, mean=(0.5, 1.0), sd=(0.5, 2.0))
    # (0 - .5) / .5 = -1;  (1 - .5) / .5 = 1;  (2 - 1) / 2 = .5;  (3 - 1) / 2 = 1
    assert split.x_ND.tolist() == [[-1.0, 1.0, 0.5, 1.0]]


def test_no_rows_give_an_empty_split():
    split = image_split(IMAGE_NHW, Y_N, np.array([], dtype=np.int64), largest=255, mean=0.5, sd=0.25)
    assert len(split) == 0
    assert split.x_ND.shape == (0, 2)


def test_the_images_stay_as_they_are():
    before = IMAGE_NHW.copy()
    image_split(IMAGE_NHW, Y_N, np.arange(3), largest=255, mean=0.5, sd=0.25).x_ND.zero_()
    assert np.array_equal(IMAGE_NHW, before)


def test_read_only_images_do():
    frozen = np.frombuffer(bytes(range(6)), dtype=np.uint8).reshape(3, 1, 2)
    split = image_split(frozen, Y_N, np.arange(3), largest=1, mean=0.0, sd=1.0)
    assert split.x_ND.sum().item() == pytest.approx(15)
