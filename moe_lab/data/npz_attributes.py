"""Columns of a user's own that say what else is known of the test samples."""

import numpy as np

from moe_lab.data import npz_remedies as remedies
from moe_lab.data.npz_file import NpzFile
from moe_lab.data.own import TAKEN

PREFIX = "attribute_"


def read_attributes(file: NpzFile, held_out: np.ndarray | None) -> dict[str, np.ndarray]:
    """The columns ``attribute_NAME`` of the file, by NAME: a value for each row of x_test, or, if there is none,
    for each row of x_train, of which the rows ``held_out`` are kept.

    Whole numbers, booleans and text are categories; numbers in floating point are quantities. Raises DataError if a
    column is something else, or has another length.
    """
    keys = [key for key in file.keys if key.startswith(PREFIX)]
    columns = {
        key.removeprefix(PREFIX): _column(file, key, "x_train" if held_out is not None else "x_test") for key in keys
    }
    return columns if held_out is None else {name: column_N[held_out] for name, column_N in columns.items()}


def _column(file: NpzFile, key: str, part: str) -> np.ndarray:
    if key.removeprefix(PREFIX) in TAKEN:
        raise file.error(f"expected a name of your own in {key}, found one that moe-lab gives itself; rename it")
    shape, dtype = file.header(key)
    count = file.header(part)[0][0]
    if shape != (count,) or dtype.kind not in "buifU":
        raise file.error(
            f"expected a number or a text in {key} for each of the {count} samples of {part}, found {dtype} of shape "
            f"{shape}; {remedies.save(remedies.as_attribute(file, key, count), 'save one column')}"
        )
    column_N = file.read(key)
    if dtype.kind == "f":
        if not np.isfinite(column_N).all():
            raise file.error(
                f"expected finite numbers in {key}, found NaN or infinities; leave it out, or give them a value: save "
                f"{key} as `numpy.nan_to_num({key}, nan=0, posinf=0, neginf=0)`"
            )
        return column_N.astype(np.float64)
    return column_N if dtype.kind == "U" else column_N.astype(np.int64)
