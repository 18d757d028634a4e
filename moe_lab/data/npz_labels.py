"""Labels of a user's own arrays: whole numbers, booleans, text, one column, or a one for the class among zeros."""

from dataclasses import dataclass

import numpy as np

from moe_lab.data import npz_remedies as remedies
from moe_lab.data.npz_file import NpzFile
from moe_lab.data.npz_remedies import save

#: most labels of the test part that training lacks that are named
MOST_NAMED = 3


@dataclass(frozen=True)
class Labels:
    """Names of the classes, and each sample's class 0..C-1; ``test_N`` is None if there is no test part."""

    class_names: tuple[str, ...]
    train_N: np.ndarray
    test_N: np.ndarray | None


def read_labels(file: NpzFile, has_test: bool) -> Labels:
    """Read ``y_train``, ``y_test`` and ``class_names``. The classes are the labels that occur in the training part, in
    rising order or in that of ``class_names``. Raises DataError if the arrays hold no labels."""
    train_N = _raw(file, "train")
    label_C = _distinct(train_N)
    if len(label_C) < 2:
        raise file.error(
            f"expected two classes or more in y_train, found only label {label_C[0]}; add samples of others"
        )
    label_C, names = _named(file, label_C)
    test_N = _known(file, _raw(file, "test"), label_C) if has_test else None
    return Labels(names, _numbers(train_N, label_C), None if test_N is None else _numbers(test_N, label_C))


def is_one_hot(file: NpzFile, part: str) -> bool:
    """Whether each row of y has a single 1 among zeros, in two columns or more."""
    shape, dtype = file.header(f"y_{part}")
    if len(shape) != 2 or shape[0] != file.header(f"x_{part}")[0][0] or shape[1] < 2 or dtype.kind not in "buif":
        return False
    y_NC = file.read(f"y_{part}")
    return bool(((y_NC == 0) | (y_NC == 1)).all() and (y_NC.sum(axis=1, dtype=np.int64) == 1).all())


def check_column(file: NpzFile, part: str) -> np.dtype:
    """The type of y, which has one value a sample."""
    key, count = f"y_{part}", file.header(f"x_{part}")[0][0]
    shape, dtype = file.header(key)
    if shape[:1] != (count,) or np.prod(shape) != count:
        raise file.error(
            f"expected a label or number in {key} for each of the {count} samples of x_{part}, shape ({count},), "
            f"found the shape {shape}; {save(remedies.as_one_column(file, part), 'save arrays of equal length')}"
        )
    return dtype


def _raw(file: NpzFile, part: str) -> np.ndarray:
    """The labels as they are given: whole numbers or text, one a sample."""
    key = f"y_{part}"
    if is_one_hot(file, part):
        return file.read(key).argmax(axis=1)
    dtype = check_column(file, part)
    y_N = file.read(key).reshape(-1) if dtype.kind in "biuUS" else None
    if y_N is None or remedies.says_fractions(y_N):
        remedy = save(remedies.of_targets(file, part), "give each sample the label of its class, as in y_train")
        raise file.error(f"expected whole numbers or text as labels in {key}, found {dtype}; {remedy}")
    return remedies.decoded(y_N) if dtype.kind == "S" else y_N


def _distinct(raw_N: np.ndarray) -> np.ndarray:
    """In rising order; text that says whole numbers by these."""
    label_C = np.unique(raw_N)
    if label_C.dtype.kind == "U" and remedies.says_whole_numbers(label_C):
        return label_C[np.argsort(label_C.astype(np.float64), kind="stable")]
    return label_C


def _named(file: NpzFile, label_C: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The labels in the order of their classes, and the classes' names."""
    if "class_names" not in file.keys:
        return label_C, tuple(map(str, label_C.tolist()))
    shape, dtype = file.header("class_names")
    given = file.read("class_names") if dtype.kind == "U" and len(shape) == 1 else np.empty(0, "U")
    if label_C.dtype.kind == "U":
        if set(label_C) <= set(given.tolist()) and len(set(given.tolist())) == len(given):
            label_C = given[np.isin(given, label_C)]
            return label_C, tuple(label_C.tolist())
    elif len(given) == len(label_C):
        return label_C, tuple(given.tolist())
    elif label_C.dtype.kind in "iu" and label_C[0] >= 0 and label_C[-1] < len(given):
        return label_C, tuple(given[label_C].tolist())
    raise file.error(
        f"expected the names of the {len(label_C)} classes of y_train in class_names, found {dtype} of shape {shape}; "
        f"{save(remedies.as_names(file, label_C), 'give a text for each class, or leave class_names out')}"
    )


def _known(file: NpzFile, test_N: np.ndarray, label_C: np.ndarray) -> np.ndarray:
    """The labels of the test part, which the training part has too."""
    if (test_N.dtype.kind == "U") != (label_C.dtype.kind == "U"):
        kind = "text" if label_C.dtype.kind == "U" else "whole numbers"
        remedy = save(remedies.as_in_training(file, label_C), "give labels of one kind in both")
        raise file.error(f"expected {kind} in y_test as in y_train, found {file.header('y_test')[1]}; {remedy}")
    unknown = np.setdiff1d(test_N, label_C)
    if len(unknown):
        named = ", ".join(map(str, unknown[:MOST_NAMED].tolist())) + (" ..." if len(unknown) > MOST_NAMED else "")
        raise file.error(
            f"expected the {len(label_C)} labels of y_train in y_test, found {named} in "
            f"{np.isin(test_N, unknown).sum()} of {len(test_N)} samples; add samples of that class to the training "
            f"part, or {save(remedies.known_classes(file), 'give other samples')}"
        )
    return test_N


def _numbers(raw_N: np.ndarray, label_C: np.ndarray) -> np.ndarray:
    """Each label's place among the classes' labels."""
    order_C = np.argsort(label_C, kind="stable")
    place_N: np.ndarray = order_C[np.searchsorted(label_C[order_C], raw_N)]
    return place_N.astype(np.int64)
