import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from moe_lab.data.augment import flip_and_crop
from moe_lab.layers.noise import Noise, generator


class Given:
    """Noise that was drawn before."""

    def __init__(self, uniform_B3):
        self.uniform_B3 = torch.as_tensor(uniform_B3)

    def uniform(self, like):
        assert like.shape == self.uniform_B3.shape
        return self.uniform_B3.to(like.dtype)


def one_by_one(x_BD, shape, uniform_B3, padding):
    """Each image by NumPy: flip, pad, cut."""
    _, height, width = shape
    images = []
    for x_D, (flip, top, left) in zip(x_BD.numpy(), uniform_B3.numpy(), strict=True):
        image = x_D.reshape(shape)
        image = image[:, :, ::-1] if flip < 0.5 else image
        image = np.pad(image, ((0, 0), (padding, padding), (padding, padding)), mode="reflect")
        top, left = (int(np.floor(np.float32(one) * np.float32(2 * padding + 1))) for one in (top, left))
        images.append(image[:, top : top + height, left : left + width].reshape(-1))
    return torch.from_numpy(np.stack(images))


@given(
    channels=st.integers(1, 3), height=st.integers(3, 9), width=st.integers(3, 9), padding=st.integers(0, 2),
    samples=st.integers(1, 6), seed=st.integers(0, 1000),
)  # fmt: skip
@settings(deadline=None)
def test_agrees_with_numpy_image_by_image(channels, height, width, padding, samples, seed):
    shape = (channels, height, width)
    x_BD = torch.arange(samples * channels * height * width, dtype=torch.float32).reshape(samples, -1)
    uniform_B3 = torch.rand((samples, 3), generator=generator(seed, "augment"))
    found = flip_and_crop(x_BD, shape, Noise([generator(seed, "augment")]), padding=padding)
    assert torch.equal(found, one_by_one(x_BD, shape, uniform_B3, padding))


def test_cifars_shape_agrees_with_numpy():
    x_BD = torch.randn(64, 3072, generator=generator(0, "x"))
    uniform_B3 = torch.rand((64, 3), generator=generator(1, "augment"))
    found = flip_and_crop(x_BD, (3, 32, 32), Noise([generator(1, "augment")]))
    assert torch.equal(found, one_by_one(x_BD, (3, 32, 32), uniform_B3, 4))


LARGEST = float(np.nextafter(np.float32(1), np.float32(0)))


def test_by_hand():
    x_BD = torch.tensor([[0.0, 1, 2, 3, 4, 5, 6, 7, 8]]).expand(3, -1)  # rows 012, 345, 678
    uniform_B3 = [
        [0.9, 0.5, 0.5],  # .5 x 3 = 1.5, floor 1: the middle, so unchanged
        [0.9, 0.0, 0.0],  # one up and one left: rows 345 012 345, columns 1 0 1
        [0.1, LARGEST, 0.5],  # mirrored, one down: rows 345 678 345 backwards
    ]
    found = flip_and_crop(x_BD, (1, 3, 3), Given(uniform_B3), padding=1)
    assert found.tolist() == [
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
        [4, 3, 4, 1, 0, 1, 4, 3, 4],
        [5, 4, 3, 8, 7, 6, 5, 4, 3],
    ]


def test_every_flip_and_place_comes_equally_often():
    # a ramp whose crop tells its offsets: pixel (i, j) = 100 i + j on 32 x 32, reflection only at the borders
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    x_BD = (100 * rows + columns).reshape(1, -1).expand(16_200, -1)
    found = flip_and_crop(x_BD, (1, 32, 32), Noise([generator(0, "augment")])).unflatten(-1, (32, 32))
    middle = found[:, 16, 16]
    top, column = (middle / 100).floor() - 16, middle % 100
    flipped = found[:, 16, 17] < middle
    left = torch.where(flipped, 15 - column, column - 16)
    kinds = (flipped * 81 + (top + 4) * 9 + left + 4).long()
    counts = torch.bincount(kinds, minlength=162)
    assert counts.shape == (162,)
    # 162 kinds, 100 of each expected
    assert chisquare(counts.numpy()).pvalue > 1e-3


def test_runs_in_a_stack_get_the_numbers_of_their_solo_runs():
    x_RBD = torch.randn(3, 5, 2 * 6 * 7, generator=generator(0, "x"))
    stacked = Noise([generator(seed, "augment") for seed in range(3)], stacked=True)
    found = flip_and_crop(x_RBD, (2, 6, 7), stacked)
    for seed, x_BD in enumerate(x_RBD):
        assert torch.equal(found[seed], flip_and_crop(x_BD, (2, 6, 7), Noise([generator(seed, "augment")])))


def test_the_batch_stays_as_it_is():
    x_BD = torch.randn(4, 75, generator=generator(0, "x"))
    before = x_BD.clone()
    flip_and_crop(x_BD, (3, 5, 5), Noise([generator(0, "augment")])).zero_()
    assert torch.equal(x_BD, before)


def test_an_image_too_small_for_its_padding():
    with pytest.raises(ValueError, match="images of 4 x 9 pixels cannot be padded by reflection by 4"):
        flip_and_crop(torch.zeros(1, 36), (1, 4, 9), Noise([generator(0, "augment")]))
