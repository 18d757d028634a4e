"""Columns of a table as features: a numeric column is one feature, a category is one-hot encoded.

Legend: N rows, D features.
"""

from typing import TYPE_CHECKING

import numpy as np

from moe_lab.errors import DataError, did_you_mean, shown, there_are

if TYPE_CHECKING:
    import pandas as pd

#: the name of each column, and the values of a category; None for a numeric column
Columns = tuple[tuple[str, tuple[str, ...] | None], ...]


def width(columns: Columns) -> int:
    """D: how many features the columns make."""
    return sum(1 if values is None else len(values) for _, values in columns)


def names(columns: Columns) -> list[str]:
    """Names of the D features: ``age``, ``colour=red``."""
    return [
        name if one is None else f"{name}={one}"
        for name, values in columns
        for one in ([None] if values is None else values)
    ]


def encoded(frame: "pd.DataFrame", columns: Columns) -> np.ndarray:
    """x (N, D) in float64 of the columns of a frame. A value that the category does not have is 0 throughout.

    Raises DataError if a column is missing, or is not numeric although it was in training.
    """
    blocks = []
    for name, values in columns:
        if name not in frame.columns:
            found = [str(one) for one in frame.columns]
            raise DataError(
                f"expected a column {shown(name)}, found none.{did_you_mean(name, found)}{there_are(found)}"
            )
        if values is None:
            blocks.append(_numbers(frame, name)[:, None])
        else:
            text_N = as_text(frame[name])
            blocks.append((text_N[:, None] == np.array(values, dtype=object)).astype(np.float64))
    return np.concatenate(blocks, axis=1) if blocks else np.empty((len(frame), 0))


def as_text(column: "pd.Series") -> np.ndarray:
    """The values of a column as text, objects of str."""
    return np.array([str(one) for one in column.tolist()], dtype=object)


def _numbers(frame: "pd.DataFrame", name: str) -> np.ndarray:
    try:
        return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"expected numbers in the column {shown(name)}, found {frame[name].dtype}") from None


def columns_of(stored: object, features: int) -> Columns | None:
    """Columns as a checkpoint keeps them; None if these are no columns of so many features."""
    if not isinstance(stored, list):
        return None
    columns = []
    for one in stored:
        if not (isinstance(one, list) and len(one) == 2 and isinstance(one[0], str)):
            return None
        name, values = one
        if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            return None
        columns.append((name, None if values is None else tuple(values)))
    return tuple(columns) if not columns or width(tuple(columns)) == features else None
