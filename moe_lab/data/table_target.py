"""The target column of a table, as classes or numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd

#: an error that names the file, and the column of the file: of the training part, and if there is one the test part
Columns = Sequence[tuple[Callable[[str], DataError], "pd.Series"]]


@dataclass(frozen=True)
class Targets:
    """Names of the classes (none for numbers), and the classes or numbers of both parts."""

    class_names: tuple[str, ...]
    train_N: np.ndarray
    test_N: np.ndarray | None

    @classmethod
    def of(cls, columns: Columns) -> "Targets":
        """Each label's place among those of the training part: numbers in rising order, then text."""
        (error, train), *_ = columns
        found = [_required(labels_of(column), raising, column) for raising, column in columns]
        label_C = sorted(set(found[0]), key=_order)
        if len(label_C) < 2:
            raise error(f"expected two classes or more in {shown(str(train.name))}, found only {shown(label_C[0])}")
        place = {label: number for number, label in enumerate(label_C)}
        for (raising, column), labels in zip(columns[1:], found[1:], strict=True):
            if unknown := sorted(set(labels) - set(label_C), key=_order):
                rows = sum(label in set(unknown) for label in labels)
                raise raising(
                    f"expected the {len(label_C)} classes of the training table in {shown(str(column.name))}, found "
                    f"{shown(unknown[0])} in {rows} of {len(labels)} rows; remove these rows, or add such to the other"
                )
        train_N, *test = [np.array([place[label] for label in labels], dtype=np.int64) for labels in found]
        return cls(tuple(label_C), train_N, test[0] if test else None)


def labels_of(column: "pd.Series") -> list[str] | None:
    """The labels in a column of text, booleans or whole numbers; None if it has fractions."""
    if column.dtype.kind == "f":
        values = column.to_numpy()
        if not (np.rint(values) == values).all():
            return None
        return [str(int(value)) for value in values]
    return [str(value) for value in column.tolist()]


def numbers_of(columns: Columns) -> Targets:
    """The regression targets. Raises DataError if they are not all finite."""
    train_N, *test = [_numbers(error, column) for error, column in columns]
    return Targets((), train_N, test[0] if test else None)


def _numbers(error: Callable[[str], DataError], column: "pd.Series") -> np.ndarray:
    if column.dtype.kind not in "iuf":
        raise error(
            f"expected numbers in {shown(str(column.name))}, found {shown(column.iloc[0])}; give another "
            "dataset.target, or dataset.task=classification"
        )
    return column.to_numpy(dtype=np.float64)


def _required(labels: list[str] | None, error: Callable[[str], DataError], column: "pd.Series") -> list[str]:
    if labels is None:
        fraction = next(value for value in column.tolist() if value != round(value))
        raise error(
            f"expected classes in {shown(str(column.name))}, found the fraction {fraction:g}; give "
            "dataset.task=regression"
        )
    return labels


def _order(label: str) -> tuple[int, float, str]:
    """Numbers before text, by their size."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
