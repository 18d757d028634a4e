"""Published numbers from a CSV file: name, metric, mean, sd, n, source."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moe_lab.errors import RunError, cut, did_you_mean
from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import parts_of
from moe_lab.store.untrusted import Unusable, check_cells, read_text

COLUMNS = ("name", "metric", "mean", "sd", "n", "source")
#: most bytes of such a file
MOST = 2**20


@dataclass(frozen=True)
class Printed:
    """A number as published, in the unit of metrics.json; ``sd`` and ``n`` are None if they were not published."""

    mean: float
    sd: float | None
    n: int | None


@dataclass(frozen=True)
class External:
    """A row of published numbers: metric -> number."""

    name: str
    source: str
    values: Mapping[str, Printed]


def read_external(path: Path) -> list[External]:
    """The rows of a CSV file; lines of one name and source become one row.

    Values are in the unit of metrics.json: an error of 3.1 % is 0.031. Raises RunError if the file is missing or is not
    such a table.
    """
    try:
        text = read_text(path, MOST)
        check_cells(text)
    except (FileNotFoundError, Unusable) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else str(error)
        raise RunError(f"--external {path} {reason}") from None
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if sorted(reader.fieldnames or []) != sorted(COLUMNS):
        found = ",".join(reader.fieldnames or ["nothing"])
        raise RunError(f"--external {path}: its first line is {cut(found)}, expected {','.join(COLUMNS)}")
    rows: dict[tuple[str, str], dict[str, Printed]] = {}
    for row in reader:
        where = f"--external {path}, line {reader.line_num}"
        if None in row or None in row.values():
            raise RunError(f"{where} does not have {len(COLUMNS)} cells: quote a text with a comma in it")
        cells = {name: cell.strip() for name, cell in row.items()}
        metric, printed = _number_of(cells, where)
        values = rows.setdefault((_given(cells, "name", where), _given(cells, "source", where)), {})
        if metric in values:
            raise RunError(f"{where}: {cut(cells['name'])} has {metric} twice")
        values[metric] = printed
    if not rows:
        raise RunError(f"--external {path} has no row below its first line")
    return [External(name, source, values) for (name, source), values in rows.items()]


def _given(cells: Mapping[str, str], name: str, where: str) -> str:
    if not cells[name]:
        raise RunError(f"{where}: {name} is empty")
    return cells[name]


def _number_of(cells: Mapping[str, str], where: str) -> tuple[str, Printed]:
    name = cells["metric"]
    metric = METRICS.get(parts_of(name)[1])
    if metric is None:
        raise RunError(
            f"{where}: no metric named '{cut(name)}'.{did_you_mean(name, METRICS)} `moe-lab list metric` lists all"
        )
    mean, sd = _number(cells["mean"], "mean", where), _number(cells["sd"], "sd", where) if cells["sd"] else None
    low, high = metric.bounds()
    if (low is not None and mean < low) or (high is not None and mean > high):
        hint = f"; in percent that is {mean / 100:g}" if metric.unit == "fraction" else ""
        raise RunError(f"{where}: {name} is {mean:g}, but must be between {low} and {high}{hint}")
    if sd is not None and sd < 0:
        raise RunError(f"{where}: sd is {sd:g}, expected a number of at least 0")
    if cells["n"] and not (cells["n"].isascii() and cells["n"].isdigit() and 0 < int(cells["n"]) < 10**9):
        raise RunError(f"{where}: n is '{cut(cells['n'])}', expected the number of runs, or an empty cell")
    return name, Printed(mean, sd, int(cells["n"]) if cells["n"] else None)


def _number(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RunError(f"{where}: {name} is '{cut(text)}', expected a number")
    return value
