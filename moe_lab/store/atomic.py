"""Atomic writes: a temporary file in the same folder, fsync, rename."""

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from moe_lab.store.cells import csv_text
from moe_lab.store.process import alive
from moe_lab.store.untrusted import MOST_ARRAYS

#: suffix of a temporary file's name; before it stand the name of the file, the writer's pid and a few letters
SUFFIX = ".tmp"


def checksum(content: bytes) -> str:
    """CRC-32 as eight hexadecimal digits. It detects damage, not forgery."""
    return f"{zlib.crc32(content):08x}"


def write_with(path: Path, write: Callable[[IO[bytes]], Any], keep: Path | None = None) -> None:
    """Write to a temporary file with ``write``, then move it to ``path``: readers see the old file or the whole new
    one.

    ``keep``: path to which the old file is moved once the new one is complete. Raises OSError, which names the path.
    """
    try:
        handle, name = temporary(path)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            if keep is not None and path.exists():
                os.replace(path, keep)
            os.replace(name, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def temporary(path: Path) -> tuple[int, str]:
    """A new file beside ``path``, by its handle and its name, which ``clear_leftovers`` knows."""
    return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.", suffix=SUFFIX)


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed writers left in ``folder`` and in the folders in it."""
    for path in (*folder.glob(f".*{SUFFIX}"), *folder.glob(f"*/.*{SUFFIX}")):
        writer = path.name.split(".")[-3]
        if writer.isdecimal() and not alive(int(writer)):
            path.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Flush the renames in ``folder`` to the disk. After a power failure no file written later can then be there
    without those renamed before."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    write_with(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON. NaN and infinities are refused: an undefined value is null, with a reason beside it."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays without pickles, compressed unless the compression ratio would make a reader refuse the file.

    NumPy's zip entries have a fixed date, so equal arrays give equal bytes.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{path.name}: {name} holds Python objects; store numbers or fixed-width text")
    packed = sum(array.nbytes for array in arrays.values()) <= MOST_ARRAYS
    save = np.savez_compressed if packed else np.savez
    write_with(path, lambda file: save(file, allow_pickle=False, **arrays))


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows as ``csv_text`` does, with a header from the first row's keys; an empty file if there are no
    rows."""
    rows = list(rows)
    write_text(path, csv_text(list(rows[0]), rows) if rows else "")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
