"""Listings: rows of plain values as a table for the terminal, CSV, JSON or Markdown."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import Format
from moe_lab.errors import one_line

Row = dict[str, Any]

#: share of a terminal's width that the first column may take without being wrapped
FIRST = 0.5


def show(
    rows: Sequence[Row],
    columns: Sequence[str],
    form: Format,
    *,
    empty: str,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Print ``rows``; ``empty`` is said on stderr where there are none (JSON gives []).

    ``labels``, column -> heading, are for the terminal, which shows those columns only.
    """
    match form:
        case Format.json:
            echo(json.dumps([{name: row.get(name) for name in columns} for row in rows], indent=2))
        case Format.csv:
            echo(_csv(rows, columns), nl=False)
        case _ if not rows:
            echo(empty, err=True)
        case Format.md:
            echo(_markdown(rows, columns))
        case Format.table:
            _table(rows, labels or {name: name.replace("_", " ") for name in columns})


def text(value: Any) -> str:
    """A value as a person reads it: four significant digits, choices as words, a hyphen for what is not there."""
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


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(row.get(name)) for name in columns] for row in rows)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[text(row.get(name)).replace("|", "\\|") for name in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _table(rows: Sequence[Row], labels: Mapping[str, str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, first = Console(), next(iter(labels))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, label in labels.items():
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        widest = max(len(label), *(len(text(row.get(name))) for row in rows))
        # numbers are never cut; a name stays whole as long as that leaves room for the rest
        whole = numeric or (name == first and widest <= console.width * FIRST)
        table.add_column(
            Text(label),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=whole,
            min_width=widest if whole else None,
            max_width=None if whole or name != first else round(console.width * FIRST),
        )
    for row in rows:
        table.add_row(*(Text(text(row.get(name))) for name in labels))
    console.print(table)
