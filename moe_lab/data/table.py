"""A user's own tables: one row per sample; a column is a feature, the target or an attribute. Legend: N rows."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from moe_lab.config.quoting import for_shell, listed
from moe_lab.data import understood
from moe_lab.data.columns import Columns, encoded, names, width
from moe_lab.data.own import TAKEN, Attributes, Layout, Own, OwnData
from moe_lab.data.table_checks import check_cells, features_of
from moe_lab.data.table_files import check_names, read_csv, read_parquet, table_error
from moe_lab.data.table_target import Targets, labels_of, numbers_of
from moe_lab.errors import DataError, cut, did_you_mean, shown, there_are

if TYPE_CHECKING:
    import pandas as pd


@dataclass(kw_only=True)
class Table(OwnData):
    """Your own table at ``path``: one row per sample.

    target:     the column to predict; null: the last one. Text and whole numbers are classes; numbers with fractions
                mean regression; ``task`` overrides this.
    test_path:  a table of the test split; null: ``test_share`` of the rows (of each class) are held out.
    exclude:    columns that are ignored.
    attributes: columns that are not features; the report says how much the choice of expert tells about them.
    categories: columns that are categories although they hold numbers, such as codes.
    missing:    treatment of empty cells: they are refused, or ``drop`` leaves their rows out.

    Every other column is an input: numbers unchanged, text and categories one-hot encoded. Raises DataError if the
    table does not hold this.
    """

    target: str | None = None
    test_path: str | None = None
    task: Literal["classification", "regression"] | None = None
    exclude: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    missing: Literal["refuse", "drop"] = "refuse"

    test_part = "a table of the test split by dataset.test_path"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.test_path = None if self.test_path is None else self.rooted(self.test_path)

    @abstractmethod
    def frame(self, path: str) -> "pd.DataFrame":
        """The table in a file, with text in the columns that are ``categories``."""

    def files(self) -> list[str]:
        return [self.path] if self.test_path is None else [self.path, self.test_path]

    def read(self) -> Own:
        train = self._frame(self.path)
        target = self._target_of(train)
        used = [name for name in train.columns if name not in self.exclude]
        train = check_cells(self._error, train, used, target, self.missing)
        parts, columns = {"train": train}, self._columns(train, target)
        if self.test_path is not None:
            parts["test"] = check_cells(self._error_of_test, self._frame(self.test_path), used, target, self.missing)
        labels = self._labels(target, parts)
        return Own(
            Layout((width(columns),), labels.class_names, labels.train_N, labels.test_N),
            features=lambda part: encoded(parts[part], columns),
            attributes=lambda rows: self._attributes(parts["test"] if rows is None else train.iloc[rows]),
            error=self._error,
            target_name=target,
            columns=columns,
            index={part: one.index.to_numpy() for part, one in parts.items()},
        )

    def check(self) -> list[dict[str, str]]:
        data, own = self.load(), self.read()
        target = f"{cut(own.target_name)}: {understood.targets(own.layout)}{self.for_the_other_task()}"
        tables = zip(self.files(), ("train", "test"), strict=False)
        said = [(path, "your table", self._size(path, len(own.index[part]))) for path, part in tables]
        said += [(self.path, "target", target)]
        said += [(self.path, "inputs", text) for text in understood.inputs(own.columns)]
        for role, columns in (("attributes", self.attributes), ("ignored", self.exclude)):
            if columns:
                said.append((self.path, role, understood.named([cut(name) for name in columns])))
        said.append((self.path, "splits", understood.splits(data)))
        return [{"file": path, "source": source, "found": found} for path, source, found in said]

    def _size(self, path: str, kept: int) -> str:
        """Rows and columns of a table, and how many rows are left out because of empty cells."""
        frame = self._frame(path)
        size = f"{len(frame)} rows x {len(frame.columns)} columns"
        if kept < len(frame):
            return f"{size}, {len(frame) - kept} of the rows left out for empty cells"
        return f"{size}, {'empty cells in ignored columns only' if frame.isna().any(axis=None) else 'no empty cells'}"

    def for_the_other_task(self) -> str:
        train = self._frame(self.path)
        column = train[self._target_of(train)].dropna()
        if column.dtype.kind not in "iuf" or labels_of(column) is None:
            return ""
        if self.task == "regression":
            return "; to predict classes, give dataset.task=classification"
        return "; to predict numbers, give dataset.task=regression"

    def without_features(self, features: list[int]) -> str:
        train = self._frame(self.path)
        columns = self._columns(train, self._target_of(train))
        own = [name for name, values in columns for _ in values or (None,)]
        excluded = listed(dict.fromkeys(own[feature] for feature in features))
        told = ", ".join(names(columns)[feature] for feature in features)
        return f"leave {told} out with {for_shell('dataset.exclude', excluded)}"

    def _frame(self, path: str) -> "pd.DataFrame":
        frame = self.frame(path)
        check_names(path, frame)
        return frame

    def _columns(self, frame: "pd.DataFrame", target: str) -> Columns:
        besides = dict.fromkeys([target, *self.exclude, *self.attributes])
        return features_of(self._error, frame.drop(columns=list(besides)), self.categories)

    def _target_of(self, frame: "pd.DataFrame") -> str:
        """The target's column, after checking that all columns that options name exist."""
        found = list(frame.columns)
        target = found[-1] if self.target is None else self.target
        for option in ("target", "exclude", "attributes", "categories"):
            for name in [target] if option == "target" else getattr(self, option):
                if name not in found:
                    raise self._error(
                        f"dataset.{option}: expected a column of the table, found {shown(name)}."
                        f"{did_you_mean(name, found)}{there_are(found)}"
                    )
        if target in (*self.exclude, *self.attributes):
            raise self._error(f"dataset.target: {shown(target)} is to be left out or an attribute too; name another")
        if taken := [name for name in self.attributes if name in TAKEN]:
            raise self._error(f"dataset.attributes: {taken[0]} is a name that moe-lab gives itself; rename the column")
        return target

    def _labels(self, target: str, parts: dict[str, "pd.DataFrame"]) -> Targets:
        errors = {"train": self._error, "test": self._error_of_test}
        columns = [(errors[part], frame[target]) for part, frame in parts.items()]
        if self.task == "regression" or (self.task is None and labels_of(parts["train"][target]) is None):
            return numbers_of(columns)
        return Targets.of(columns)

    def _attributes(self, rows: "pd.DataFrame") -> Attributes:
        return {name: _attribute(rows[name]) for name in self.attributes}

    def _error(self, text: str) -> DataError:
        return table_error(self.path, text)

    def _error_of_test(self, text: str) -> DataError:
        return table_error(str(self.test_path), text)


def _attribute(column: "pd.Series") -> np.ndarray:
    """An attribute's values: whole numbers and booleans as int64, fractions as float64, anything else as text."""
    if column.dtype.kind in "biu":
        return column.to_numpy(dtype=np.int64)
    if column.dtype.kind == "f":
        return column.to_numpy(dtype=np.float64)
    return column.astype(str).to_numpy(dtype=str)


@dataclass(kw_only=True)
class Csv(Table):
    """Your own table in text: a line of column names, then one row per sample (`dataset=csv dataset.path=FILE`).

    Cells are separated by commas, semicolons, tabs or ``|``, whichever the first line has most of. The text is UTF-8.

    decimal: the decimal separator, ``point`` or ``comma``.
    """

    decimal: Literal["point", "comma"] = "point"

    def frame(self, path: str) -> "pd.DataFrame":
        return read_csv(path, {"point": ".", "comma": ","}[self.decimal], self.categories)


@dataclass(kw_only=True)
class Parquet(Table):
    """Your own table in a Parquet file (`dataset=parquet dataset.path=FILE`); needs the extra ``parquet`` (pyarrow).

    Options are those of `dataset=csv`.
    """

    def frame(self, path: str) -> "pd.DataFrame":
        frame = read_parquet(path)
        codes: Sequence[str] = [name for name in self.categories if name in frame.columns]
        return frame.astype(dict.fromkeys(codes, str))
