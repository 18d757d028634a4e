"""What a message about a user's array says to save instead: every printed expression is run on the array that it was
printed for, saved, and trained."""

import re

import numpy as np
import pytest

TRAIN = ("train", "dataset=npz", "dataset.path=own.npz", "trainer.epochs=1", "trainer.limit_batches=1", "--no-report")
NUMBERS = ("experts=gaussian", "objective=mixture_density")
#: a message and the next, for an array may be wrong in more than one way
MOST_STEPS = 4
N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
Y = np.arange(N) % 3
X_TEST, Y_TEST = RNG.normal(size=(12, 4)), np.arange(12) % 3
TEXT = np.array(["cat", "dog", "emu"])
HOLED = np.where(np.arange(N)[:, None] % 7 == 0, np.nan, X)
HALF = np.where(np.arange(4) == 2, np.inf, X)


def records(names, dtype):
    array = np.zeros(N, dtype=[(name, dtype) for name in names])
    for name, column_N in zip(names, X.T, strict=False):
        array[name] = column_N
    return array


CASES = {
    "text labels, one of the test part alone": {
        "x_train": X,
        "y_train": TEXT[Y % 2],
        "x_test": X_TEST,
        "y_test": TEXT[Y_TEST],
        "attribute_age": np.arange(12),
    },
    "labels of Python": {"x_train": X, "y_train": TEXT[Y].astype(object)},
    "numbers of Python": {"x_train": X.astype(object), "y_train": Y},
    "probabilities": {"x_train": X, "y_train": (np.eye(3)[Y] + 0.1) / 1.3},
    "a row of labels": {"x_train": X, "y_train": Y[None]},
    "two columns of labels": {"x_train": X, "y_train": np.stack([Y, Y[::-1]], axis=1)},
    "features first": {"x_train": X.T, "y_train": Y},
    "features first with a test part": {"x_train": X.T, "y_train": Y, "x_test": X_TEST.T, "y_test": Y_TEST},
    "whole numbers in floating point": {"x_train": X, "y_train": Y.astype(float)},
    "whole numbers from 1 in floating point": {
        "x_train": X,
        "y_train": Y + 1.0,
        "x_test": X_TEST,
        "y_test": Y_TEST + 1.0,
    },
    "whole numbers in floating point with names": {"x_train": X, "y_train": Y.astype("f4"), "class_names": TEXT},
    "complex labels": {"x_train": X, "y_train": Y.astype(complex)},
    "a negative label in the test part": {"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST - 1},
    "a class of the test part alone": {"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST + 1},
    "text in the test part alone": {"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST.astype(str)},
    "text in the training part alone": {"x_train": X, "y_train": Y.astype(str), "x_test": X_TEST, "y_test": Y_TEST},
    "names that are not those of the labels": {"x_train": X, "y_train": TEXT[Y], "class_names": np.array(["a", "b"])},
    "numbers as text": {"x_train": X.astype(str), "y_train": Y},
    "words as features": {"x_train": TEXT[RNG.integers(0, 3, (N, 4))], "y_train": Y},
    "words as the one feature": {"x_train": TEXT[RNG.integers(0, 3, N)], "y_train": Y},
    "complex features": {"x_train": X.astype(complex), "y_train": Y},
    "dates as features": {"x_train": Y[:, None].astype("M8[D]"), "y_train": Y},
    "records": {"x_train": records("ab", "f8"), "y_train": Y},
    "one feature": {"x_train": X[:, 0], "y_train": Y},
    "five axes": {"x_train": X.reshape(N, 1, 2, 1, 2), "y_train": Y},
    "channels last": {"x_train": RNG.integers(0, 255, (N, 8, 8, 3), dtype=np.uint8), "y_train": Y},
    "channels last in the test part alone": {
        "x_train": RNG.normal(size=(N, 3, 8, 8)),
        "y_train": Y,
        "x_test": RNG.normal(size=(12, 8, 8, 3)),
        "y_test": Y_TEST,
    },
    "images beside features": {
        "x_train": RNG.normal(size=(N, 4, 4)),
        "y_train": Y,
        "x_test": RNG.normal(size=(12, 16)),
        "y_test": Y_TEST,
    },
    "NaN in some samples": {"x_train": HOLED, "y_train": Y, "attribute_age": np.arange(N)},
    "NaN in some samples of images": {"x_train": HOLED.reshape(N, 2, 2), "y_train": Y},
    "infinite in every sample": {"x_train": HALF, "y_train": Y},
    "NaN in the test part": {"x_train": X, "y_train": Y, "x_test": HOLED[:12], "y_test": Y_TEST},
    "a feature of the test part alone": {"x_train": X, "y_train": Y, "x_test": HALF[:12], "y_test": Y_TEST},
    "beyond float32": {"x_train": np.where(np.isnan(HOLED), 1e300, X), "y_train": Y},
    "numbers as names": {"x_train": X, "y_train": Y, "class_names": np.arange(3)},
    "bytes as names": {"x_train": X, "y_train": Y, "class_names": TEXT.astype("S")},
    "a column of names": {"x_train": X, "y_train": Y, "class_names": TEXT[:, None]},
    "a column as attribute": {"x_train": X, "y_train": Y, "attribute_a": Y[:, None]},
    "columns as attribute": {"x_train": X, "y_train": Y, "attribute_a": X},
    "bytes as attribute": {"x_train": X, "y_train": Y, "attribute_a": TEXT.astype("S")[Y]},
    "dates as attribute": {"x_train": X, "y_train": Y, "attribute_a": Y.astype("M8[D]")},
    "NaN in an attribute": {"x_train": X, "y_train": Y, "attribute_a": HOLED[:, 0]},
}
OF_NUMBERS = {
    "labels as numbers to predict": {"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST},
    "numbers as text": {"x_train": X, "y_train": X[:, 0].astype(str), "x_test": X_TEST, "y_test": X_TEST[:, 0]},
    "text in the test part": {"x_train": X, "y_train": X[:, 0], "x_test": X_TEST, "y_test": X_TEST[:, 0].astype(str)},
    "dates": {"x_train": X, "y_train": np.arange(N).astype("M8[D]")},
    "a row": {"x_train": X, "y_train": X[:, :1].T},
    "NaN in a column": {"x_train": X, "y_train": HOLED[:, :1]},
    "fractions as text": {"x_train": X, "y_train": np.array(["0.5", "1.5", "2"])[Y]},
    "several columns": {"x_train": X, "y_train": X},
    "complex": {"x_train": X, "y_train": X[:, 0], "x_test": X_TEST, "y_test": X_TEST[:, 0].astype(complex)},
    "NaN": {"x_train": X, "y_train": HOLED[:, 0], "attribute_age": np.arange(N)},
}


def trained_as_told(cli, path, arrays, words):
    """Train; where that is refused, save what the message says, and try again. The arrays that are trained at last."""
    for step in range(MOST_STEPS):
        np.savez(path, **arrays)
        result = cli(*TRAIN, *words)
        if result.code == 0:
            assert step, "there was nothing to mend"
            return arrays
        assert result.code == 2 and result.err.count("\n") == 1, result
        told = re.findall(r"(\w+) as `([^`]+)`", result.err)
        assert told, result
        for key, text in told:
            arrays = arrays | {key: eval(text, {"numpy": np, **arrays})}
    pytest.fail(f"still refused: {result.err}")


@pytest.mark.parametrize("case", CASES)
def test_a_remedy_works_on_the_array_that_was_found(case, cli, tmp_path):
    trained_as_told(cli, tmp_path / "cwd" / "own.npz", CASES[case], ())


@pytest.mark.parametrize("case", OF_NUMBERS)
def test_a_remedy_works_on_numbers_to_predict(case, cli, tmp_path):
    trained_as_told(cli, tmp_path / "cwd" / "own.npz", OF_NUMBERS[case], NUMBERS)


def test_samples_of_a_class_that_training_lacks_go_with_all_that_belongs_to_them(cli, tmp_path):
    case = CASES["text labels, one of the test part alone"]
    arrays = trained_as_told(cli, tmp_path / "cwd" / "own.npz", case, ())
    kept = np.flatnonzero(Y_TEST != 2)
    np.testing.assert_array_equal(arrays["y_test"], TEXT[Y_TEST[kept]])
    np.testing.assert_array_equal(arrays["x_test"], X_TEST[kept])
    np.testing.assert_array_equal(arrays["attribute_age"], kept)


def test_samples_with_holes_go_with_all_that_belongs_to_them(cli, tmp_path):
    arrays = trained_as_told(cli, tmp_path / "cwd" / "own.npz", CASES["NaN in some samples"], ())
    kept = np.arange(N)[np.arange(N) % 7 != 0]
    np.testing.assert_array_equal(arrays["x_train"], X[kept])
    np.testing.assert_array_equal(arrays["y_train"], Y[kept])
    np.testing.assert_array_equal(arrays["attribute_age"], kept)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x_train": X, "y_train": Y[:-1]}, "save arrays of equal length"),
        ({"x_train": np.full((N, 4), np.nan), "y_train": Y}, "in 60 of 60 samples, first in row 0; replace them"),
        ({"x_train": X, "y_train": Y, "class_names": TEXT[:2]}, "give a text for each class, or leave class_names out"),
        ({"x_train": X, "y_train": Y + 0.5, "class_names": TEXT}, "; leave class_names out to predict numbers"),
        ({"x_train": X, "y_train": Y, "x_test": X_TEST[:, :3], "y_test": Y_TEST}, "found (3,); make them equal"),
    ],
)
def test_where_no_expression_is_known_to_be_right_none_is_given(arrays, says, cli, tmp_path):
    np.savez(tmp_path / "cwd" / "own.npz", **arrays)
    result = cli(*TRAIN)
    assert result.code == 2 and says in result.err and "`" not in result.err, result
