"""A user's own numbers to predict."""

import numpy as np
import pytest

from moe_lab.data.npz import Npz
from moe_lab.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = 100 + 20 * X[:, 0]


@pytest.fixture
def save(tmp_path):
    def write(**arrays) -> str:
        np.savez(tmp_path / "own.npz", **arrays)
        return str(tmp_path / "own.npz")

    return write


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_targets_are_numbers_in_sd_of_the_training_split(save, dtype):
    data = Npz(path=save(x_train=X, y_train=Y.astype(dtype))).load()
    # 50: ten for test, then ceil(.1 x 40) = 4
    assert [len(data.train), len(data.validation), len(data.test)] == [36, 4, 10]
    train, wide = data.train.index_N.numpy(), Y.astype(dtype).astype(float)
    assert (data.target.mean, data.target.sd) == pytest.approx((wide[train].mean(), wide[train].std()))
    for split in (data.train, data.validation, data.test):
        rows = split.index_N.numpy()
        np.testing.assert_allclose(split.y_N, (wide[rows] - wide[train].mean()) / wide[train].std(), atol=1e-5)
    assert data.classes == 0 and data.attributes == {}
    assert Npz(path=save(x_train=X, y_train=Y.astype(dtype))).describe() == ((3,), ())


def test_a_test_split_of_your_own_and_targets_beyond_float32(save):
    large = {"x_train": X, "y_train": 1e30 + 1e28 * Y, "x_test": X[:5], "y_test": 1e30 + 1e28 * Y[:5]}
    data = Npz(path=save(**large), validation_share=0.0, standardize=False).load()
    np.testing.assert_allclose(data.test.y_N, ((Y - Y.mean()) / Y.std())[:5], atol=1e-5)
    np.testing.assert_allclose(data.test.x_ND, X[:5], rtol=1e-6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"y_train": np.full(50, 2.5)},
            "expected numbers that differ in y, found only 2.5 in the training split",
        ),
        ({"y_train": np.where(X[:, 0] > 1, np.nan, Y)}, "expected finite numbers in y_train, found NaN"),
        ({"y_train": Y[None]}, r"shape \(50,\), found the shape \(1, 50\)"),
        ({"y_train": Y[:5]}, r"each of the 50 samples of x_train"),
        ({"class_names": np.array(["a", "b"])}, "beside class_names, found float64; leave class_names out to predict"),
        ({"x_test": X[:4, :2], "y_test": Y[:4]}, r"expected samples of shape \(3,\) in x_test"),
        ({"x_test": X[:4], "y_test": Y[:4].astype(str)}, "expected real numbers in y_test as in y_train, found <U"),
    ],
)
def test_what_cannot_be_used_is_refused(save, changed, said):
    with pytest.raises(DataError, match=said):
        Npz(path=save(**{"x_train": X, "y_train": Y} | changed)).load()
