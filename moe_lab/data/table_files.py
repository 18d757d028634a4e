"""Reading a user's tables: comma-separated text and Parquet, of which nothing is known."""

import csv
import os
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from moe_lab.config.extras import extra
from moe_lab.errors import DataError, cut, one_line, shown
from moe_lab.store.untrusted import Unusable, check_fits, opened

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t|"


def table_error(path: str, text: str) -> DataError:
    return DataError(f"{cut(path, 200)}: {text}")


def read_csv(path: str, decimal: str, as_text: Collection[str]) -> "pd.DataFrame":
    """The rows below a line of column names, separated by a comma, semicolon, tab or ``|``, in UTF-8. The columns
    ``as_text`` are read as text, whatever they hold. Raises DataError."""
    import pandas as pd

    separator, names = _head(path)
    types = {name: str for name in as_text if name in names}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                Path(path).expanduser(),
                sep=separator,
                decimal=decimal,
                dtype=types,
                encoding="utf-8-sig",
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
            )
    except (ValueError, OverflowError, OSError, Warning) as error:
        # pandas' own errors are ValueErrors
        reason = one_line(str(error)).removeprefix("Error tokenizing data. C error: ")
        raise table_error(path, f"expected a table with {len(names)} cells a row, found none ({reason})") from None


def read_parquet(path: str) -> "pd.DataFrame":
    """A Parquet file, by pyarrow. Raises DataError, and ConfigError without pyarrow."""
    extra("pyarrow", "dataset=parquet", "parquet")
    from pyarrow.parquet import read_table

    try:
        with opened(Path(path).expanduser()) as file:
            return read_table(file).to_pandas()
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError, TypeError, RuntimeError, LookupError) as error:
        # Arrow's own errors are kinds of these
        raise table_error(path, f"expected a Parquet file, found one that is none ({one_line(str(error))})") from None


def check_names(path: str, frame: "pd.DataFrame") -> None:
    """Raises DataError unless the columns have names of their own, in text."""
    names = list(frame.columns)
    if odd := [name for name in names if not isinstance(name, str)]:
        raise table_error(path, f"expected column names in text, found {shown(odd[0])}; rename the columns")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise table_error(path, f"expected columns of different names, found {shown(twice[0])} twice; rename one")
    if not len(frame):
        raise table_error(path, "expected rows below the column names, found none")


def _head(path: str) -> tuple[str, list[str]]:
    """The separator and the column names of the first line."""
    try:
        with opened(Path(path).expanduser()) as file:
            check_fits(3 * os.fstat(file.fileno()).st_size)
            line = file.readline(2**20).decode("utf-8-sig")
    except FileNotFoundError:
        raise _missing(path) from None
    except (Unusable, OSError) as error:
        raise table_error(path, f"expected a table in text, found a file that {error}") from None
    except UnicodeDecodeError:
        raise table_error(path, "expected text in UTF-8, found other bytes; save the table as CSV in UTF-8") from None
    if not line.strip() or "\0" in line:
        raise table_error(path, "expected a first line of column names, found none")
    separator = max(SEPARATORS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=separator))]
    if all(map(_is_number, names)):
        raise table_error(
            path, f"expected a first line of column names, found the numbers {cut(', '.join(names))}; write names above"
        )
    if twice := sorted({name for name in names if names.count(name) > 1 and name}):
        raise table_error(path, f"expected columns of different names, found {shown(twice[0])} twice; rename one")
    return separator, names


def _missing(path: str) -> DataError:
    return table_error(path, "expected a table, found no file; give its path with dataset.path=FILE")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
