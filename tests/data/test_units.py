"""What a data set says of its own units: other samples become what ``load`` makes of its own."""

import numpy as np
import pytest
import torch

from moe_lab.data.dataset import Data, Dataset, Split
from moe_lab.data.diabetes import Diabetes
from moe_lab.data.digits import Digits
from moe_lab.data.npz import Npz
from moe_lab.data.toy_regression import ToyInverse
from moe_lab.data.toy_sets import ToyClusters
from moe_lab.data.units import Units, units_of
from moe_lab.errors import DataError


def test_digits_are_grey_values_to_16():
    from sklearn.datasets import load_digits

    data, images = Digits().load(), load_digits().images
    for given in (images, images[:, None], images.reshape(-1, 64)):
        x_ND = Digits().units().inputs(given, data.shape)[data.test.index_N]
        torch.testing.assert_close(x_ND, data.test.x_ND)
    assert data.units == Digits().units()


def test_channels_have_means_of_their_own():
    # (255 / 255 - .5) / .5 = 1 and (51 / 255 - 0) / .1 = 2
    x = np.array([[[[255, 255]], [[51, 51]]]], dtype=np.uint8)
    assert Units(255, (0.5, 0.0), (0.5, 0.1)).inputs(x, (2, 1, 2)).tolist() == [
        [1, 1, pytest.approx(2), pytest.approx(2)]
    ]


def test_numbers_come_back_in_their_unit():
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    data = Diabetes().load()
    rows = data.test.index_N
    torch.testing.assert_close(Diabetes().units().inputs(x, data.shape)[rows], data.test.x_ND, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data.units.targets(data.test.y_N), y[rows], rtol=1e-6)


def test_a_toy_regression_and_points():
    toy, rings = ToyInverse(samples=300), ToyClusters(samples=300)
    pairs = toy.draw(toy.generator())
    data = toy.load()
    torch.testing.assert_close(toy.units().inputs(pairs.x_N[:, None], (1,))[data.train.index_N], data.train.x_ND)
    points = rings.draw(rings.generator()).x_N2
    torch.testing.assert_close(rings.units().inputs(points, (2,))[rings.load().train.index_N], rings.load().train.x_ND)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
@pytest.mark.parametrize("numbers", [True, False])
def test_own_arrays(tmp_path, standardize, kind, numbers):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, size=(90, 4, 4)).astype(kind), rng.integers(0, 3, size=90)
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y * 7.5 if numbers else y)
    dataset = Npz(path=str(tmp_path / "own.npz"), standardize=standardize)
    data = dataset.load()
    torch.testing.assert_close(dataset.units().inputs(x, data.shape)[data.test.index_N], data.test.x_ND)
    if numbers:
        np.testing.assert_allclose(dataset.units().targets(data.test.y_N), 7.5 * y[data.test.index_N], atol=1e-5)


class Own(Dataset):
    """A data set of one's own that does not say its units."""

    def describe(self):
        return (1,), ("a", "b")

    def load(self):
        split = Split(torch.ones(2, 1), torch.tensor([0, 1]), torch.arange(2))
        return Data(split, split, split, (1,), ("a", "b"), {})

    def check(self):
        return []

    def prepare(self):
        return "nothing"


@pytest.mark.parametrize(
    "units", [Units(), Units(255, (0.5, 0.25), (0.1, 0.2)), Units(16, np.arange(4.0), np.ones(4), 152.1, 77.0)]
)
def test_a_checkpoint_keeps_them(units):
    again = units_of(units.stored(), 4)
    x = np.arange(8.0).reshape(2, 4)
    assert torch.equal(again.inputs(x, (4,)), units.inputs(x, (4,)))
    assert (again.targets(torch.ones(1)) == units.targets(torch.ones(1))).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": torch.zeros(3, dtype=torch.float64)},
        {"mean": torch.zeros(2, 2, dtype=torch.float64)},
        {"sd": torch.zeros(4)},
        {"sd": torch.zeros(0, dtype=torch.float64)},
        {"mean": torch.full((4,), torch.nan, dtype=torch.float64)},
        {"sd": [1.0]},
        {"largest": "255"},
        {"target_sd": None},
    ],
    ids=str,
)
def test_what_a_stranger_wrote_is_no_units(changed):
    stored = Units().stored()
    assert units_of(stored, 4) is not None
    assert units_of({**stored, **changed}, 4) is None
    assert units_of(None, 4) is None and units_of({}, 4) is None


def test_without_units_nothing_is_changed():
    assert Own().units().inputs([[3.5], [-2.0]], (1,)).tolist() == [[3.5], [-2.0]]


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (
            np.zeros((8, 8)),
            r"shape \(N, 64\) or \(N, 1, 8, 8\) or \(N, 8, 8\), found \(8, 8\); give one sample as x\[None",
        ),
        (np.zeros((2, 8, 8, 1)), r"found \(2, 8, 8, 1\); .*channels of an image before"),
        (np.zeros((0, 64)), r"found \(0, 64\)"),
        (np.full((2, 64), "a"), r"expected numbers, found <U1; give x.astype\(float\)"),
        (np.array([[0.0] * 64, [np.nan] * 64]), "NaN or infinities in 1 of 2 samples, first in row 1"),
    ],
    ids=["one", "channels_last", "none", "text", "nan"],
)
def test_what_is_no_sample(x, said):
    with pytest.raises(DataError, match=said):
        Units().inputs(x, (1, 8, 8))


def test_the_remedies_work():
    x = np.array([[0.0] * 64, [np.nan] * 64])
    assert len(Units().inputs(x[np.isfinite(x.reshape(len(x), -1)).all(axis=1)], (1, 8, 8))) == 1
    one = np.zeros((8, 8))
    assert len(Units().inputs(one[None], (1, 8, 8))) == 1
