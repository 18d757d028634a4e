"""Writes that either happen whole or not at all: temporary file in the same folder, fsync, rename."""

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

#: what the name of a temporary file ends with; before it come the name of the file, the writer's pid, and a few letters
SUFFIX = ".tmp"


def checksum(content: bytes) -> str:
    """CRC-32, as eight hexadecimal digits: it tells what has been damaged, not what somebody has forged."""
    return f"{zlib.crc32(content):08x}"


def write_with(path: Path, write: Callable[[IO[bytes]], Any], keep: Path | None = None) -> None:
    """Let ``write`` fill a temporary file, then move it to ``path``: readers see the old file or the whole new one.

    ``keep``: where the old file goes, once the new one is whole. Raises OSError with the path in it.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.", suffix=SUFFIX)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            if keep is not None and path.exists():
                os.replace(path, keep)
            os.replace(temporary, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files in ``folder``, and in the folders in it, that writers which were killed have left."""
    for path in (*folder.glob(f".*{SUFFIX}"), *folder.glob(f"*/.*{SUFFIX}")):
        writer = path.name.split(".")[-3]
        if writer.isdecimal() and not alive(int(writer)):
            path.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Wait until what was moved to its place in ``folder`` is there on the disk too, so that no file that is written
    from now on can outlive it when the power fails."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    write_with(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Indented JSON. NaN and infinities are refused: what is undefined is null, with a reason beside it."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Arrays without pickles, compressed unless they unpack to so much that a reader has to doubt it; NumPy's zip
    entries carry a fixed date, so equal arrays give equal bytes."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{path.name}: {name} holds Python objects; store numbers or fixed-width text")
    packed = sum(array.nbytes for array in arrays.values()) <= MOST_ARRAYS
    save = np.savez_compressed if packed else np.savez
    write_with(path, lambda file: save(file, allow_pickle=False, **arrays))


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """A header from the first row's keys, and the rows, as ``csv_text`` writes them; without rows an empty file."""
    rows = list(rows)
    write_text(path, csv_text(list(rows[0]), rows) if rows else "")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
