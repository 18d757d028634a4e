"""Arms and sentences in the terminal: what `report` and `sweep` print at their end."""

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moe_lab.cli.tables import Format, show
from moe_lab.cli.terminal import echo

if TYPE_CHECKING:
    from moe_lab.reports import ArmsReport


#: columns of an overview that hold names, in which a star is no mark
NAMES = ("arm", "what", "run", "metric")


def say_left_out(found: "ArmsReport") -> None:
    """On stderr: the runs that are not in the report, and why."""
    for reason in found.left_out:
        echo(f"moe-lab: left out: {reason}", err=True)


def show_arms(found: "ArmsReport", form: Format) -> None:
    """Print as many metrics of the arms as fit, what marks of cells mean, and a sentence that says which is best; in
    other formats a row a run.
    """
    from rich.console import Console

    if form is not Format.table:
        show(found.rows, list(found.rows[0]), form, empty="")
        return
    width = Console().width
    cells = ""
    for columns, rows in found.overview(width):
        show(rows, list(columns), Format.table, empty="", labels=columns)
        cells += "".join(row[name] for row in rows for name in columns if name not in NAMES)
    say_all([*(text for mark, text in found.legend.items() if mark in cells), *found.sentences])


def say_all(sentences: Iterable[str]) -> None:
    """Print sentences, each in lines of the terminal's width and followed by a blank line."""
    from rich.console import Console

    width = Console().width
    for sentence in sentences:
        echo(textwrap.fill(sentence, width, break_on_hyphens=False) + "\n")
