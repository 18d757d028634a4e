"""Files of the user with token ids, documents and labels of the rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from moe_lab.errors import cut
from moe_lab.experiment.importers.files import Source

#: a cell of a label that is missing
_NO_LABEL = ("", "-1")


def integers_of_rows(source: Source, rows: int) -> np.ndarray:
    """An .npy file of one integer a row. Raises DataError."""
    if source.kind != "npy":
        raise source.error("is no .npy file: expected integers, one a row, saved with `numpy.save`")
    shape, dtype = source.headers[""]
    if shape != (rows,) or dtype.kind not in "iu":
        raise source.error(f"holds {dtype} of shape {shape}; expected {rows} integers, one a row")
    return source.array("")


def labels_of_rows(source: Source, documents: Sequence[str]) -> dict[str, list[Any]]:
    """Label -> its text for each row, None if it is missing, from a CSV file with a column ``document`` or ``row``
    and a column a label; ``documents``: that of each row, as text. Raises DataError."""
    if source.kind != "csv":
        raise source.error("is no CSV file: expected a column document (or row), and a column a label")
    head, *rows = source.cells()
    head = [name.strip().removeprefix("\ufeff") for name in head]
    keys = [name for name in ("document", "row") if name in head]
    if len(keys) != 1 or len(set(head)) < len(head) or len(head) < 2:
        raise source.error(
            f"has the columns {cut(', '.join(head))}; expected a column document (or row), and a column a label"
        )
    known = list(documents) if keys == ["document"] else list(map(str, range(len(documents))))
    values = _values(source, head, rows, head.index(keys[0]), set(known))
    return {
        name: [values[one][column] if one in values else None for one in known]
        for column, name in enumerate(head)
        if name != keys[0]
    }


def _values(
    source: Source, head: list[str], rows: list[list[str]], key: int, known: set[str]
) -> dict[str, list[str | None]]:
    """Document or row -> its cells. Raises DataError."""
    found: dict[str, list[str | None]] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise source.error(f"has {len(row)} cells in line {number}; expected {len(head)}")
        one = row[key].strip()
        if one not in known:
            raise source.error(
                f"has the {head[key]} {cut(one)!r} in line {number}, which the trace does not have; it has "
                f"{len(known)}: {cut(', '.join(sorted(known, key=lambda text: (len(text), text))))}"
            )
        if one in found:
            raise source.error(f"has the {head[key]} {cut(one)!r} twice, the second time in line {number}")
        found[one] = [None if cell.strip() in _NO_LABEL else cell.strip() for cell in row]
    return found
