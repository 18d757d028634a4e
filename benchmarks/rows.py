"""The rows of a benchmark, and their CSV."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from moe_lab.store.atomic import write_csv


@dataclass(frozen=True)
class Row:
    """One measured case of a target.

    target: number of the target.  case: what was measured.
    ratio:  the baseline's time over moe-lab's (or memory allowed over memory used): more is better.
    least:  the required ratio.  aim: the desired ratio.
    """

    target: str
    case: str
    ratio: float
    least: float
    aim: float


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Numbers with four significant digits, since a measurement has no more."""
    write_csv(path, [{key: _short(value) for key, value in asdict(row).items()} for row in rows])


def read_rows(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return [
            Row(line["target"], line["case"], *(float(line[name]) for name in ("ratio", "least", "aim")))
            for line in csv.DictReader(file)
        ]


def _short(value: str | float) -> str | float:
    return float(f"{value:.4g}") if isinstance(value, float) else value
