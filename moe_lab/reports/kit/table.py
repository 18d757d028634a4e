"""A small table of a report, beside its pictures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """``align`` has an ``l`` or ``r`` for each column of ``header``; the first column names the row. ``caption`` says
    how to read it."""

    title: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    caption: str
