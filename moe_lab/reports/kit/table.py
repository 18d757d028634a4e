"""A small table of a report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table. ``align`` has an ``l`` or ``r`` for each column of ``header``; the first column names the row.
    ``caption`` explains how to read it."""

    title: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    caption: str
