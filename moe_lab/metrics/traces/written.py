"""Measured values in measures.csv: one row per value; its columns are defined here."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from moe_lab.metrics.traces.measured import Measured
from moe_lab.store.run import Run
from moe_lab.store.untrusted import Unusable

#: the file beside a measured trace
FILE = "measures.csv"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A row of measures.csv, whose columns are these fields; see ``Measured`` for what they hold.

    layer, label: empty if a measure has none. notes: why a number is missing, and warnings.
    """

    layer: str
    label: str
    measure: str
    value: float | None
    unit: str
    null_mean: float | None
    corrected: float | None
    estimate: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted_p: float | None
    documents: int
    left_out: float
    notes: str


COLUMNS = tuple(field.name for field in fields(Written))
_TEXTS = ("layer", "label", "measure", "unit", "notes")


def row_of(one: Measured) -> dict[str, Any]:
    """The row of a value, by column."""
    notes = dict.fromkeys(text for text in (one.reason, one.p_reason, one.interval_reason, *one.warnings) if text)
    return {name: "; ".join(notes) if name == "notes" else getattr(one, name) for name in COLUMNS}


def read_measures(run: Run) -> tuple[Written, ...]:
    """The rows of a run's measures.csv, validated. Raises RunError if it is missing or broken."""
    return run.table(FILE, _parsed)


def _parsed(rows: Iterable[Mapping[str, str]]) -> tuple[Written, ...]:
    return tuple(map(_written, rows))


def _written(row: Mapping[str, str]) -> Written:
    cells: dict[str, Any] = {name: row[name] if name in _TEXTS else _number(row[name]) for name in COLUMNS}
    if not (cells["measure"] and cells["unit"]) or cells["documents"] is None or cells["left_out"] is None:
        raise Unusable("has a row without a measure, a unit, or a count of documents")
    return Written(**cells | {"documents": int(cells["documents"])})


def _number(cell: str) -> float | None:
    value = float(cell) if cell else None
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{cell} is not a finite number")
    return value
