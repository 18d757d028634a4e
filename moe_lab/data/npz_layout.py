"""What a user's .npz file must hold, checked from the headers and the labels, before any large array is read."""

import numpy as np

from moe_lab.data import npz_remedies as remedies
from moe_lab.data.npz_file import NpzFile
from moe_lab.data.npz_labels import check_column, is_one_hot, read_labels
from moe_lab.data.npz_remedies import save
from moe_lab.data.own import Layout

#: axes of x -> how its samples are laid out
LAYOUTS = {2: "features (N, D)", 3: "images (N, height, width)", 4: "images (N, channels, height, width)"}
COLOURS = (1, 3, 4)


def read_layout(file: NpzFile) -> Layout:
    """Read and check all but the values of x. Raises DataError saying what was expected, what was found, what to do."""
    file.require("x_train", "y_train")
    has_test = "x_test" in file.keys or "y_test" in file.keys
    if has_test:
        file.require("x_train", "y_train", "x_test", "y_test")
    shape = _sample_shape(file, "x_train")
    if file.header("y_train")[1].kind == "f" and not is_one_hot(file, "train"):
        return _layout_of_numbers(file, shape, has_test)
    labels = read_labels(file, has_test)
    if has_test:
        _check_test_shape(file, shape)
    return Layout(shape, labels.class_names, labels.train_N, labels.test_N)


def _layout_of_numbers(file: NpzFile, shape: tuple[int, ...], has_test: bool) -> Layout:
    if "class_names" in file.keys:
        found = file.header("y_train")[1]
        raise file.error(
            f"expected labels in y_train beside class_names, found {found}; "
            f"{save(remedies.as_whole_numbers(file), 'leave class_names out to predict numbers')}"
        )
    y_train_N = _numbers(file, "train")
    if has_test:
        _check_test_shape(file, shape)
    return Layout(shape, (), y_train_N, _numbers(file, "test") if has_test else None)


def _numbers(file: NpzFile, part: str) -> np.ndarray:
    """A number a sample, in float64."""
    key = f"y_{part}"
    dtype = check_column(file, part)
    if dtype.kind not in "iuf":
        raise file.error(
            f"expected real numbers in {key} as in y_train, found {dtype}; "
            f"{save(remedies.as_numbers(file, key), 'give it numbers')}"
        )
    y_N = file.read(key).reshape(-1).astype(np.float64)
    if not np.isfinite(y_N).all():
        raise file.error(
            f"expected finite numbers in {key}, found NaN or infinities in {(~np.isfinite(y_N)).sum()} of {len(y_N)} "
            f"samples; {save(remedies.finite_y(file, part), 'give other numbers')}"
        )
    return y_N


def _sample_shape(file: NpzFile, key: str) -> tuple[int, ...]:
    """(D,) for features, (channels, height, width) for images."""
    shape, dtype = file.header(key)
    if dtype.kind not in "buif":
        raise file.error(
            f"expected real numbers in {key}, found {dtype}; {save(remedies.as_numbers(file, key), 'give it numbers')}"
        )
    if len(shape) not in LAYOUTS or 0 in shape:
        layouts = ", ".join(LAYOUTS.values())
        raise file.error(
            f"expected {key} to hold {layouts}, found the shape {shape}; "
            f"{save(remedies.as_samples(file, key), 'give it samples')}"
        )
    if len(shape) == 4 and shape[3] in COLOURS and shape[1] not in COLOURS:
        raise file.error(
            f"expected {key} to hold {LAYOUTS[4]}, found the shape {shape}, which looks like channels last; "
            f"save {key} as `{key}.transpose(0, 3, 1, 2)`"
        )
    return (1, *shape[1:]) if len(shape) == 3 else shape[1:]


def _check_test_shape(file: NpzFile, shape: tuple[int, ...]) -> None:
    found = _sample_shape(file, "x_test")
    if found != shape:
        raise file.error(
            f"expected samples of shape {shape} in x_test as in x_train, found {found}; "
            f"{save(remedies.as_x_train(file), 'make them equal')}"
        )
