"""The text of CSV files that are safe to open in spreadsheets and terminals."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moe_lab.errors import printable

#: first characters of cells that a spreadsheet evaluates; spreadsheets skip blanks and line ends before them
_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(inf|nan)", re.IGNORECASE | re.ASCII)


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV text: a header and one line per row. None is an empty cell, floats have the shortest form that reads back
    equal, and text is written as ``cell`` returns it. Raises ValueError if a row has a key that is not in ``names``."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writerow({name: cell(name) for name in names})
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def cell(value: Any) -> Any:
    """The value of a cell, safe for spreadsheets and terminals: text is made printable, and gets an apostrophe in front
    if it begins like a formula and is not a number."""
    if not isinstance(value, str):
        return value
    formula = _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{printable(value)}" if formula else printable(value)
