import numpy as np
import pytest

from moe_lab.data.npz import Npz
from moe_lab.errors import DataError

TRAIN = {"x_train": np.arange(40.0).reshape(20, 2), "y_train": np.arange(20) % 2}
TEST = {"x_test": np.arange(8.0).reshape(4, 2), "y_test": np.array([1, 0, 1, 0])}


@pytest.fixture
def data_of(tmp_path):
    def make(**given):
        np.savez(tmp_path / "own.npz", **given)
        return Npz(path=str(tmp_path / "own.npz")).load()

    return make


def test_columns_of_the_test_part(data_of):
    columns = {
        "attribute_writer": np.array(["ann", "bo", "ann", "cy"]),
        "attribute_age": np.array([3.5, 1, 2, 9], dtype=np.float32),
        "attribute_rotated": np.array([True, False, False, True]),
    }
    attributes = data_of(**TRAIN, **TEST, **columns).attributes
    assert list(attributes) == ["class", "writer", "age", "rotated"]
    assert attributes["writer"].tolist() == ["ann", "bo", "ann", "cy"]
    assert attributes["age"].dtype == np.float64 and attributes["age"].tolist() == [3.5, 1, 2, 9]
    assert attributes["rotated"].tolist() == [1, 0, 0, 1]


def test_columns_of_the_training_part_are_cut_to_what_is_held_out(data_of):
    data = data_of(**TRAIN, attribute_row=np.arange(20) * 10)
    assert data.attributes["row"].tolist() == (10 * data.test.index_N).tolist()


def test_images_know_their_ink(data_of):
    images = np.zeros((20, 4, 4), dtype=np.uint8)
    images[:, 1] = 255
    data = data_of(x_train=images, y_train=TRAIN["y_train"])
    np.testing.assert_allclose(data.attributes["ink"], 0.25)
    negative = data_of(x_train=images.astype(float) - 1, y_train=TRAIN["y_train"])
    assert negative.attributes.keys() == {"class"}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"attribute_a": np.zeros(20)}, r"for each of the 4 samples of x_test, found float64 of shape \(20,\)"),
        ({"attribute_a": np.zeros((4, 2))}, r"found float64 of shape \(4, 2\)"),
        ({"attribute_a": np.zeros(4, complex)}, "found complex128"),
        ({"attribute_a": np.array([1, np.nan, 2, 3])}, "finite numbers in attribute_a"),
        ({"attribute_ink": np.zeros(4)}, "a name of your own in attribute_ink"),
    ],
)
def test_what_is_no_column_is_refused(data_of, column, message):
    with pytest.raises(DataError, match=message):
        data_of(**TRAIN, **TEST, **column)
