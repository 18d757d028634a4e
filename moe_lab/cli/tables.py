"""Listings: rows of plain values as a table for the terminal, CSV, JSON or Markdown."""

import json
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from moe_lab.cli.terminal import echo
from moe_lab.errors import cut, one_line
from moe_lab.store.cells import csv_text

Row = dict[str, Any]


class Figure(str):
    """A number as readers are shown it, with its unit: it stands at the right of its column and is never wrapped."""


#: most characters of a cell in a terminal; the other formats do not cut cells
LONGEST = 400
#: blanks between two columns
GAP = 2
#: most characters of a cell, such as a date, that is never wrapped
SHORT = 13
#: share of a terminal's width that the first column may take without being wrapped
FIRST = 0.5


class Format(StrEnum):
    """Output format of a listing."""

    table = "table"
    csv = "csv"
    json = "json"
    md = "md"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="Output format.")]


def show(
    rows: Sequence[Row],
    columns: Sequence[str],
    form: Format,
    *,
    empty: str,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Print ``rows``; if there are none, print ``empty`` on stderr (JSON gives []).

    ``labels``, column -> heading, are for the terminal, which shows only those columns.
    """
    match form:
        case Format.json:
            listed = [{name: _finite(row.get(name)) for name in columns} for row in rows]
            echo(json.dumps(listed, indent=2, allow_nan=False))
        case Format.csv:
            echo(csv_text(columns, ({name: _plain(row.get(name)) for name in columns} for row in rows)), nl=False)
        case _ if not rows:
            echo(empty, err=True)
        case Format.md:
            echo(_markdown(rows, columns))
        case Format.table:
            _table(rows, labels or {name: name.replace("_", " ") for name in columns})


def text(value: Any) -> str:
    """A value for readers: four significant digits, choices as overrides, a hyphen if there is none."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case dict():
            return " ".join(f"{one_line(str(key))}={text(item)}" for key, item in value.items())
        case list() | tuple():
            return "[" + ",".join(text(item) for item in value) + "]"
        case _:
            return one_line(str(value))


def _plain(value: Any) -> Any:
    return json.dumps(_finite(value), allow_nan=False) if isinstance(value, dict | list) else value


def _finite(value: Any) -> Any:
    """A value that JSON can hold: NaN and infinities become null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def _markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [[text(name).replace("|", "\\|") for name in columns], ["---"] * len(columns)]
    lines += [[text(row.get(name)).replace("|", "\\|") for name in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _table(rows: Sequence[Row], labels: Mapping[str, str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, first = Console(), next(iter(labels))
    labels = {name: cut(one_line(heading), LONGEST) for name, heading in labels.items()}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    cells = {name: [cut(text(row.get(name)), LONGEST) for row in rows] for name in labels}
    widest = {name: max(len(label), *map(len, cells[name])) for name, label in labels.items()}
    numeric = {name for name in labels if any(isinstance(row.get(name), int | float | Figure) for row in rows)}
    # numbers and short words are never cut; a name stays whole as long as that leaves room for the rest
    whole = {name for name in labels if name in numeric or (name != first and widest[name] <= SHORT)}
    others = sum((widest[name] if name in whole else SHORT) + GAP for name in labels if name != first)
    if widest[first] <= min(console.width * FIRST, console.width - others - GAP):
        whole.add(first)
    for name, label in labels.items():
        table.add_column(
            Text(label),
            justify="right" if name in numeric else "left",
            overflow="fold",
            no_wrap=name in whole,
            min_width=widest[name] if name in whole else None,
            max_width=None if name in whole or name != first else round(console.width * FIRST),
        )
    for line in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, line))
    console.print(table)
