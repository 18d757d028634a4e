import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from moe_lab.data.npz import Npz
from moe_lab.errors import DataError


@pytest.fixture
def save(tmp_path):
    """Save arrays and return the path for ``dataset.path``."""

    def save(**given):
        np.savez(tmp_path / "own.npz", **given)
        return str(tmp_path / "own.npz")

    return save


def numbers(*shape, dtype=np.float32):
    return np.random.default_rng(0).normal(3, 2, shape).astype(dtype)


def turns(count, classes=2):
    return np.arange(count) % classes


def test_own_test_split(save):
    x_test, y_test = numbers(4, 3), np.array([1, 0, 1, 0])
    path = save(x_train=numbers(20, 3), y_train=turns(20), x_test=x_test, y_test=y_test)
    data = Npz(path=path, standardize=False).load()
    # ceil(.1 x 20) = 2, one of each class
    assert [len(data.train), len(data.validation), len(data.test)] == [18, 2, 4]
    assert np.array_equal(data.test.x_ND, x_test)
    assert data.test.index_N.tolist() == [0, 1, 2, 3]
    assert data.attributes["class"].tolist() == [1, 0, 1, 0]
    assert (data.shape, data.class_names) == ((3,), ("0", "1")) == Npz(path=path).describe()


def test_a_test_split_held_out(save):
    x, y = numbers(20, 3), turns(20)
    path = save(x_train=x, y_train=y)
    data = Npz(path=path, standardize=False).load()
    # test: .2 x 20 = 4; validation: ceil(.1 x 16) = 2; two and one of each class
    assert [len(data.train), len(data.validation), len(data.test)] == [14, 2, 4]
    assert torch.bincount(data.test.y_N).tolist() == [2, 2]
    rows = torch.cat([split.index_N for split in (data.train, data.validation, data.test)])
    assert rows.sort().values.tolist() == list(range(20))
    for split in (data.train, data.validation, data.test):
        assert np.array_equal(split.x_ND, x[split.index_N])
        assert np.array_equal(split.y_N, y[split.index_N])
    other = Npz(path=path, split_seed=1).load()
    assert torch.equal(other.test.index_N, data.test.index_N)
    assert not torch.equal(other.validation.index_N, data.validation.index_N)


@pytest.mark.parametrize(
    ("axes", "shape"), [((5,), (5,)), ((4, 6), (1, 4, 6)), ((3, 4, 6), (3, 4, 6)), ((3, 3, 3), (3, 3, 3))]
)
def test_features_and_images(save, axes, shape):
    x = numbers(10, *axes)
    data = Npz(path=save(x_train=x, y_train=turns(10)), standardize=False).load()
    assert data.shape == shape
    assert np.array_equal(data.test.x_ND, x.reshape(10, -1)[data.test.index_N])


def test_bytes_are_divided_by_255(save):
    x = np.array([[0, 255], [51, 102]] * 5, dtype=np.uint8)
    data = Npz(path=save(x_train=x, y_train=turns(10)), standardize=False).load()
    # 51/255 = .2, 102/255 = .4
    torch.testing.assert_close(data.train.x_ND[data.train.y_N == 1][0], torch.tensor([0.2, 0.4]))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f2", "f4", "f8", ">f4", ">f8", "?"])
def test_standardizing_agrees_with_scikit_learn(save, dtype):
    x = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 200, (40, 4)).astype(dtype)
    data = Npz(path=save(x_train=x, y_train=turns(40))).load()
    scaler = StandardScaler().fit(x[data.train.index_N].astype(np.float64))
    for split in (data.train, data.validation, data.test):
        assert split.x_ND.dtype == torch.float32
        np.testing.assert_allclose(split.x_ND, scaler.transform(x[split.index_N].astype(np.float64)), atol=2e-5)


def test_a_constant_feature_is_only_shifted(save):
    # a thousand .1 summed and divided by 1000 are not .1; dividing by the sd of such rounding would make it large
    x = np.column_stack([np.full(1000, 0.1), numbers(1000, dtype=np.float64)])
    x_test = np.array([[0.1, 0.0], [3.1, 0.0]])
    path = save(x_train=x, y_train=turns(1000), x_test=x_test, y_test=np.array([0, 1]))
    data = Npz(path=path).load()
    assert data.train.x_ND[:, 0].abs().max() < 1e-6
    # 3.1 - .1 = 3
    torch.testing.assert_close(data.test.x_ND[:, 0], torch.tensor([0.0, 3.0]))


def test_digits_far_behind_the_point_survive_standardizing(save):
    # seconds since 1970 a second apart: float32 has steps of 128 there
    x = 1.7e9 + turns(20)[:, None].astype(np.float64)
    data = Npz(path=save(x_train=x, y_train=turns(20))).load()
    # half 0, half 1: mean .5, sd .5 -> -1 and 1
    assert torch.equal(data.train.x_ND[:, 0], data.train.y_N * 2.0 - 1)


def test_spreads_whose_square_float32_cannot_hold(save):
    # sd 5e29 and 5e-31: their squares are beyond float32, their quotients are -1 and 1
    y = turns(20)
    x = (y[:, None] * np.array([1e30, 1e-30])).astype(np.float32)
    data = Npz(path=save(x_train=x, y_train=y)).load()
    torch.testing.assert_close(data.test.x_ND, (data.test.y_N * 2.0 - 1)[:, None].expand(-1, 2))


def test_a_spread_that_vanishes_in_float64_counts_as_none(save):
    # 1e-200 squared is zero
    x = turns(20)[:, None] * np.array([1e-200])
    assert Npz(path=save(x_train=x, y_train=turns(20))).load().train.x_ND.abs().max() == 0


def test_a_value_too_far_from_the_training_split_is_refused(save):
    x = turns(20)[:, None] * np.array([[1.0, 1e-20]])
    path = save(x_train=x, y_train=turns(20), x_test=np.array([[0.0, 1e30]]), y_test=np.array([0]))
    with pytest.raises(DataError, match=r"found feature 1 beyond it .*; remove it, or give dataset\.standardize=false"):
        Npz(path=path).load()
    # 1e30 - 0 as it is
    assert Npz(path=path, standardize=False).load().test.x_ND[0, 1] == torch.tensor(1e30)


def test_class_names(save):
    path = save(x_train=numbers(6, 2), y_train=turns(6, 3), class_names=np.array(["red", "green", "blue"]))
    assert Npz(path=path).describe() == ((2,), ("red", "green", "blue"))


def test_check_lists_the_arrays(save):
    path = save(x_train=numbers(6, 2, 2), y_train=turns(6))
    assert Npz(path=path).check() == [
        {"file": path, "source": "your x_train", "found": "6 x 2 x 2 float32"},
        {"file": path, "source": "your y_train", "found": "6 int64: 2 classes: 0 (3), 1 (3)"},
        # of 3 a class ceil(.2 x 3) = 1 for the test, of the other 4 ceil(.1 x 4) = 1 for validation
        {"file": path, "source": "splits", "found": "3 + 1 + 2 samples (training, validation, test)"},
    ]
    assert Npz(path=path).prepare() == path


def test_compressed_files_and_other_memory_orders(tmp_path):
    x = np.asfortranarray(numbers(10, 3))
    np.savez_compressed(tmp_path / "own.npz", x_train=x, y_train=turns(10), x_test=x, y_test=turns(10).astype(">u8"))
    data = Npz(path=str(tmp_path / "own.npz"), standardize=False).load()
    assert np.array_equal(data.test.x_ND, x)
    assert data.test.y_N.tolist() == turns(10).tolist()


@given(
    x=arrays(np.float64, (12, 3), elements=st.floats(-1e30, 1e30)),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 2**63 - 1),
)
@settings(deadline=None, max_examples=50)
def test_finite_numbers_stay_finite_or_are_refused(tmp_path_factory, x, share, seed):
    path = tmp_path_factory.getbasetemp() / "any.npz"
    np.savez(path, x_train=x, y_train=turns(12, 3))
    try:
        data = Npz(path=str(path), validation_share=share, split_seed=seed).load()
    except DataError as error:
        assert "beyond it (some values lie too far from the others)" in str(error)
        return
    for split in (data.train, data.validation, data.test):
        assert split.x_ND.isfinite().all()
    assert set(data.train.y_N.tolist()) == {0, 1, 2}


X, Y = numbers(6, 2), turns(6)
HOLES = X.copy()
HOLES[[2, 4], 1] = np.nan, np.inf
BAD_VALUES = [
    ({"x_train": HOLES}, "expected finite numbers in x_train, found NaN, .* in 2 of 6 samples, first in row 2"),
    ({"x_train": X.astype(np.float64) * 1e300}, "values beyond float32"),
    ({"x_test": HOLES, "y_test": Y}, "expected finite numbers in x_test"),
]
BAD_LAYOUTS = [
    ({"x_train": X + 1j}, "expected real numbers in x_train, found complex64; save x_train as `x_train.real`"),
    ({"x_train": X.astype(str)}, "expected real numbers in x_train, found <U"),
    (
        {"x_train": X[:, 0]},
        r"expected x_train to hold features \(N, D\), .*, found the shape \(6,\); save x_train as `x_train.reshape",
    ),
    ({"x_train": numbers(6, 0)}, r"found the shape \(6, 0\)"),
    ({"x_train": np.float32(1)}, r"found the shape \(\)"),
    ({"x_train": numbers(6, 5, 5, 3)}, r"found the shape \(6, 5, 5, 3\), which looks like channels last; save"),
    ({"y_train": Y.astype(complex)}, "expected whole numbers or text as labels in y_train, found complex128; save"),
    ({"y_train": Y[:5]}, r"each of the 6 samples of x_train, shape \(6,\), found the shape \(5,\)"),
    ({"y_train": Y[None]}, r"shape \(6,\), found the shape \(1, 6\); save y_train as `y_train.reshape\(-1\)`"),
    ({"y_train": np.eye(3)[Y] * 0.9}, r"found the shape \(6, 3\)"),
    ({"y_train": Y * 0}, "expected two classes or more in y_train, found only label 0"),
    ({"class_names": np.array(["a"])}, r"names of the 2 classes of y_train in class_names, found <U1 of shape \(1,\)"),
    ({"class_names": np.array([1, 2])}, "found int64 of shape"),
    ({"x_test": X}, "expected the keys x_train and y_train and x_test and y_test, found x_train, y_train, x_test;"),
    ({"x_test": X[:, :1], "y_test": Y}, r"expected samples of shape \(2,\) in x_test as in x_train, found \(1,\)"),
    ({"x_test": X, "y_test": Y[:3]}, "expected a label or number in y_test for each of the 6 samples of x_test"),
    ({"x_test": X, "y_test": Y * 2}, "expected the 2 labels of y_train in y_test, found 2 in 3 of 6 samples; add"),
]


@pytest.mark.parametrize(("changed", "said"), BAD_LAYOUTS + BAD_VALUES)
def test_bad_arrays_fail_load_and_check_alike(save, changed, said):
    path = save(**{"x_train": X.astype(np.float64), "y_train": Y} | changed)
    for act in (Npz(path=path).load, Npz(path=path).check):
        with pytest.raises(DataError, match=said) as caught:
            act()
        assert str(caught.value).startswith(f"{path}: expected") and "\n" not in str(caught.value)


@pytest.mark.parametrize(("changed", "said"), BAD_LAYOUTS)
def test_bad_layouts_are_found_by_describe(save, changed, said):
    with pytest.raises(DataError, match=said):
        Npz(path=save(**{"x_train": X, "y_train": Y} | changed)).describe()


@pytest.mark.parametrize("key", ["x_train", "y_train"])
def test_a_missing_key(save, key):
    given = {"x_train": X, "y_train": Y}
    del given[key]
    (left,) = given
    with pytest.raises(DataError, match=f"expected the keys x_train and y_train, found {left}; write it with"):
        Npz(path=save(**given)).describe()


@pytest.mark.parametrize(("share", "samples"), [(0.0, 6), (0.5, 2)])
def test_no_samples_for_a_test_split(save, share, samples):
    # two samples of two classes: each class keeps its only one
    path = save(x_train=X[:samples], y_train=Y[:samples])
    with pytest.raises(DataError, match=f"set dataset.test_share={share} apart, found {samples} samples; give x_test"):
        Npz(path=path, test_share=share).load()


READ = """
import sys
from moe_lab.data.npz import Npz
peak = lambda: 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
Npz(path=sys.argv[1]).load()
before = peak()
Npz(path=sys.argv[2]).load()
print(peak() - before)
"""


def test_reading_takes_little_more_than_the_splits_beside_the_file_s_array(tmp_path):
    """80 MB are in memory twice for a moment, as they are read and as splits, and not three times."""
    for name, count in (("small", 50), ("large", 200_000)):
        x_ND = np.zeros((count, 100), np.float32)
        x_ND[::2] = 1
        np.savez(tmp_path / f"{name}.npz", x_train=x_ND, y_train=np.arange(count) % 2)
    command = [sys.executable, "-c", READ, tmp_path / "small.npz", tmp_path / "large.npz"]
    taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert 1.0 < taken / x_ND.nbytes < 2.6
