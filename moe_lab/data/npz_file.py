"""Reading an untrusted .npz file: any fault gives one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from moe_lab.errors import DataError, cut
from moe_lab.store.untrusted import Unusable, array_header, open_zip

SAVE = "write it with `numpy.savez(FILE, x_train=..., y_train=...)`"


class NpzFile:
    """The arrays of an .npz file by key, without pickles. Raises DataError if the file or an array is unusable."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()

    @cached_property
    def keys(self) -> list[str]:
        if not self._there():
            raise self.error("expected an .npz file, found none; give its path with dataset.path=FILE")
        try:
            with open_zip(self.path) as archive:
                names = archive.namelist()
        except (OSError, Unusable) as error:
            raise self.error(f"expected an .npz file, found one that {error}; {SAVE}") from None
        return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]

    def _there(self) -> bool:
        try:
            return self.path.is_file()
        except OSError:
            # a name that is too long
            return False

    def require(self, *keys: str) -> None:
        if not set(keys) <= set(self.keys):
            found = ", ".join(self.keys) or "no arrays"
            raise self.error(f"expected the keys {' and '.join(keys)}, found {found}; {SAVE}")

    def header(self, key: str) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of an array without reading it; arrays of Python objects are refused."""
        with self._open(key) as file:
            shape, dtype = array_header(file, self._size(key))
        if dtype.hasobject:
            raise self.error(
                f"expected numbers (or text for class_names) in {key}, found Python objects, which can hide code; "
                f"if its rows are of equal length, save {key} as `numpy.array({key}.tolist())`"
            )
        return shape, dtype

    def read(self, key: str) -> np.ndarray:
        """An array, whose header has been looked at before."""
        self.header(key)
        with self._open(key) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def error(self, text: str) -> DataError:
        return DataError(f"{cut(str(self.path), 200)}: {text}")

    def _size(self, key: str) -> int:
        with open_zip(self.path) as archive:
            return archive.getinfo(f"{key}.npy").file_size

    @contextmanager
    def _open(self, key: str) -> Iterator[IO[bytes]]:
        self.require(key)
        try:
            with open_zip(self.path) as archive, archive.open(f"{key}.npy") as file:
                yield file
        except (OSError, Unusable) as reason:
            raise self.error(f"expected a whole array in {key}, found one that {reason}; {SAVE}") from None
