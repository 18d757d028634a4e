"""A pandas frame as a data set: it is written as a table, so that its runs can be repeated without it."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_lab.config.quoting import listed
from moe_lab.data.columns import as_text
from moe_lab.data.table_files import check_names, read_csv
from moe_lab.errors import DataError, shown
from moe_lab.store.atomic import write_text

if TYPE_CHECKING:
    import pandas as pd

#: below the folder of the runs
FOLDER = "frames"


def options_of(frame: "pd.DataFrame", runs: Path, categories: tuple[str, ...] = ()) -> dict[str, Any]:
    """Write a frame into ``runs/frames``, named by its content, and return the options of `dataset=csv` that read it.

    The index is left out. Text stays text, also where it looks like a number: such columns, those of pandas' type
    category, and ``categories`` are read as categories. Raises DataError if the frame has no names of columns, or text
    that a table cannot tell from an empty cell.
    """
    check_names("frame", frame)
    codes = [name for name in frame.columns if name in categories or _is_code(frame[name])]
    text = frame.to_csv(index=False)
    path = runs / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    again = read_csv(str(path), ".", codes)
    for name in frame.columns:
        lost_N = again[name].isna().to_numpy() & ~frame[name].isna().to_numpy()
        if lost_N.any():
            raise DataError(
                f"frame: expected other text in {shown(name)} than {shown(frame[name].iloc[lost_N.argmax()])}, which "
                f"reads as an empty cell; replace it by frame[{name!r}].replace(...)"
            )
    categories_given = {"dataset.categories": listed(codes)} if codes else {}
    return {"dataset": "csv", "dataset.path": path, **categories_given}


def _is_code(column: "pd.Series") -> bool:
    """Whether a column is of categories, or text, that a table would read as numbers or booleans."""
    if column.dtype.kind in "biufmM":
        return False
    return any(map(_reads_otherwise, as_text(column.dropna())))


def _reads_otherwise(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True
