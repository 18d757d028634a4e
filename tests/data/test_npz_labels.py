"""Labels as people have them: every form gives the same classes, and the report's names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import LabelEncoder

from moe_lab.data.npz import Npz
from moe_lab.errors import DataError

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3
ANIMALS = np.array(["ant", "bee", "cow"])


@pytest.fixture
def load(tmp_path):
    def make(**arrays):
        np.savez(tmp_path / "own.npz", **{"x_train": X, **arrays})
        return Npz(path=str(tmp_path / "own.npz")).load()

    return make


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (Y, ("0", "1", "2")),
        (Y + 1, ("1", "2", "3")),
        (Y * 3_000_000_000 - 7, ("-7", "2999999993", "5999999993")),
        (Y.astype(np.uint8), ("0", "1", "2")),
        (Y[:, None], ("0", "1", "2")),
        (np.eye(3)[Y], ("0", "1", "2")),
        (np.eye(3, dtype=bool)[Y], ("0", "1", "2")),
        (np.eye(5, dtype=np.int8)[Y + 2], ("2", "3", "4")),
        (ANIMALS[Y], ("ant", "bee", "cow")),
        (ANIMALS[Y][:, None], ("ant", "bee", "cow")),
        (ANIMALS.astype("S")[Y], ("ant", "bee", "cow")),
        (np.array([b"caf\xe9", b"eau", b"the"])[Y], ("caf\xe9", "eau", "the")),
        # as text, 10 would stand before 9
        (np.array(["9", "10", "11"])[Y], ("9", "10", "11")),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")) + str(getattr(value, "shape", "")),
)
def test_every_form_is_the_same_classes(load, y, names):
    data = load(y_train=y)
    assert data.class_names == names
    np.testing.assert_array_equal(data.train.y_N, Y[data.train.index_N])
    np.testing.assert_array_equal(data.attributes["class"], Y[data.test.index_N])


def test_booleans(load):
    data = load(y_train=Y == 1)
    assert data.class_names == ("False", "True")
    np.testing.assert_array_equal(data.train.y_N, (Y == 1)[data.train.index_N])


def test_the_test_part_is_numbered_as_the_training_part_is(load):
    # cow does not occur in the test part, and stays class 2
    y_test = np.array(["bee", "ant", "bee"])
    data = load(y_train=ANIMALS[Y], x_test=X[:3], y_test=y_test)
    assert data.test.y_N.tolist() == [1, 0, 1] and data.classes == 3


@pytest.mark.parametrize(
    ("y", "class_names", "names"),
    [
        (Y, ["a", "b", "c"], ("a", "b", "c")),
        # a name for each label that occurs
        (Y + 1, ["a", "b", "c"], ("a", "b", "c")),
        (Y * 10 - 5, ["a", "b", "c"], ("a", "b", "c")),
        # a name for each number from 0 on: no sample has 0
        (Y + 1, ["a", "b", "c", "d"], ("b", "c", "d")),
        (np.array([0, 1, 3])[Y], ["a", "b", "c", "d"], ("a", "b", "d")),
        (np.eye(3)[Y], ["a", "b", "c"], ("a", "b", "c")),
    ],
)
def test_names_of_numbers(load, y, class_names, names):
    data = load(y_train=y, class_names=np.array(class_names))
    assert data.class_names == names
    np.testing.assert_array_equal(data.train.y_N, Y[data.train.index_N])


def test_names_of_text_are_their_order(load):
    sizes = np.array(["small", "medium", "large"])
    data = load(y_train=sizes[Y], class_names=sizes)
    assert data.class_names == ("small", "medium", "large")
    np.testing.assert_array_equal(data.train.y_N, Y[data.train.index_N])


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=6, unique=True))
@settings(deadline=None, max_examples=50)
def test_any_whole_numbers_are_numbered_as_scikit_learn_does(tmp_path_factory, labels):
    y = np.array(labels)[np.arange(60) % len(labels)]
    path = tmp_path_factory.getbasetemp() / "labels.npz"
    np.savez(path, x_train=X, y_train=y)
    data = Npz(path=str(path)).load()
    encoder = LabelEncoder().fit(y)
    assert data.class_names == tuple(map(str, encoder.classes_))
    np.testing.assert_array_equal(data.train.y_N, encoder.transform(y)[data.train.index_N])


def test_a_column_of_numbers_to_predict(load):
    numbers = 100.0 + X[:, :1]
    data = load(y_train=numbers)
    assert data.classes == 0
    np.testing.assert_allclose(
        data.test.y_N * data.target.sd + data.target.mean, numbers[data.test.index_N, 0], rtol=1e-6
    )


def test_a_label_that_training_lacks_is_named(load):
    with pytest.raises(DataError, match="found cow in 2 of 6 samples; add samples of that class"):
        load(y_train=ANIMALS[Y % 2], x_test=X[:6], y_test=ANIMALS[Y[:6]])
