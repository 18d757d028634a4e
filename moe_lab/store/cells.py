"""The text of a CSV file, which strangers open in spreadsheets and terminals."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moe_lab.errors import printable

#: what a cell begins with that a spreadsheet evaluates; spreadsheets skip blanks and line ends before it
_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(inf|nan)", re.IGNORECASE | re.ASCII)


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header and a line a row: None is an empty cell, floats in the shortest form that reads back, text as ``cell``
    has it. Raises ValueError if a row has another key than ``names``."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writerow({name: cell(name) for name in names})
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula and no terminal obeys: text is printable, and where it begins as
    a formula does, and is no number, an apostrophe stands before it."""
    if not isinstance(value, str):
        return value
    formula = _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{printable(value)}" if formula else printable(value)
