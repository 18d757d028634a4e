"""Checks of a table before training: category values that repeat, and no empty cells. Legend: N rows."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.config.quoting import for_shell, listed
from moe_lab.data.columns import Columns, as_text
from moe_lab.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd

#: most values of a category, each of which is a feature
MOST_VALUES = 200
#: a text column is meant to be numeric if at least this share of its cells reads as numbers
MEANT_AS_NUMBERS = 0.5
_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
Error = Callable[[str], DataError]


def features_of(error: Error, frame: "pd.DataFrame", categories: Collection[str]) -> Columns:
    """The columns of a frame of features: numeric and boolean columns, and text columns with their values.

    Raises DataError if there is no column, or if one is neither numeric nor has values that repeat.
    """
    if not len(frame.columns):
        raise error("expected columns besides the target, found none")
    return tuple((name, _values(error, frame[name], name in categories)) for name in map(str, frame.columns))


def check_cells(error: Error, frame: "pd.DataFrame", used: Sequence[str], target: str, missing: str) -> "pd.DataFrame":
    """The rows without an empty or infinite cell among the used columns. Raises DataError if some are, unless
    ``missing`` is "drop".

    The index of what is returned counts the rows of the file.
    """
    frame = frame.reset_index(drop=True)
    lacking = [name for name in used if name not in frame.columns]
    if lacking:
        raise error(f"expected the columns of the training table, found none named {shown(lacking[0])}")
    for name in used:
        bad_N = _bad(frame[name])
        if bad_N.any() and missing == "refuse":
            remedies = ["leave these rows out with dataset.missing=drop"] * (not bad_N.all())
            remedies += [f"leave the column out with {_excluded(name)}"] * (name != target)
            raise error(
                f"expected a finite number or a text in each cell of {shown(name)}, found none in {bad_N.sum()} of "
                f"{len(frame)}, first in row {bad_N.argmax() + 1}; {' or '.join(remedies) or 'name another target'}"
            )
    kept = frame[~np.logical_or.reduce([_bad(frame[name]) for name in used])]
    if not len(kept):
        raise error("expected rows without empty cells, found none; leave columns out with dataset.exclude=[NAME]")
    return kept


def _bad(column: "pd.Series") -> np.ndarray:
    """Rows that are empty or, in a numeric column, infinite or too large for float32."""
    empty_N = column.isna().to_numpy(dtype=bool)
    if column.dtype.kind != "f":
        return empty_N
    return empty_N | (np.abs(column.to_numpy(dtype=np.float64, na_value=0.0)) > np.finfo(np.float32).max)


def _values(error: Error, column: "pd.Series", is_category: bool) -> tuple[str, ...] | None:
    """The values of a category in rising order; None of a numeric column."""
    if not is_category and column.dtype.kind in "biuf":
        return None
    name, present = str(column.name), column.dropna()
    if column.dtype.kind in "mM":
        raise error(f"expected numbers or text in {shown(name)}, found dates; leave it out with {_excluded(name)}")
    text_N = as_text(present)
    values = tuple(sorted(set(text_N.tolist())))
    if not is_category:
        _check_text(error, name, text_N)
    if len(values) > MOST_VALUES or (len(values) == len(text_N) > 2):
        raise error(
            f"expected values that repeat in {shown(name)}, found {len(values)} different ones in {len(text_N)} rows, "
            f"such as {shown(values[0])}; leave it out with {_excluded(name)}"
        )
    return values


def _check_text(error: Error, name: str, text_N: np.ndarray) -> None:
    """Raises DataError if a column is meant to be numeric and some cells are not."""
    with_comma = sum(_COMMA.fullmatch(one) is not None for one in text_N)
    if with_comma > MEANT_AS_NUMBERS * len(text_N):
        raise error(
            f"expected numbers with a decimal point in {shown(name)}, found {shown(text_N[0])}; give "
            f"dataset.decimal=comma, or {_excluded(name)}"
        )
    others = [one for one in text_N if not _is_number(one)]
    if 0 < len(others) < (1 - MEANT_AS_NUMBERS) * len(text_N):
        raise error(
            f"expected numbers in {shown(name)}, found {len(others)} of {len(text_N)} cells with text, such as "
            f"{shown(others[0])}; empty these cells, leave the column out with {_excluded(name)}, or say that it is a "
            f"category with {for_shell('dataset.categories', listed([name]))}"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _excluded(name: str) -> str:
    return for_shell("dataset.exclude", listed([name]))
