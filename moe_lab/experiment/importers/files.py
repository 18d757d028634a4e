"""Reading the untrusted files from which a trace is imported: their kind and their content."""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from moe_lab.errors import DataError, cut
from moe_lab.store.untrusted import (
    BROKEN,
    Unusable,
    array_header,
    check_cells,
    check_fits,
    open_zip,
    opened,
    read_json,
    read_tensors,
)

#: bytes of a line of JSON, and of a CSV file; a response or a chunk of documents has a few megabytes
MOST_LINE = 256 * 2**20
#: times its size that a text may take once it is read
_READ = 4
_MAGIC = {b"\x93NUMPY": "npy", b"PK": "npz", b"PAR1": "parquet", b"\x80": "pickle"}


class Source:
    """A file, or a place in it. Every fault raises DataError, which names the file and the place.

    expected: what the file should be, as a noun phrase. place: such as ``line 3``; empty for the whole file.
    """

    def __init__(self, path: Path, expected: str = "a file with the routing of a model", place: str = "") -> None:
        self.path, self.expected, self.place = path, expected, place

    @cached_property
    def kind(self) -> str:
        """npy, npz, pt (of torch.save), parquet, pickle, json (one value, or one a line) or csv."""
        with self.reading() as file:
            start = file.read(4096)
            for magic, kind in _MAGIC.items():
                if start.startswith(magic):
                    return "pt" if kind == "npz" and self._of_torch() else kind
        text = start.lstrip()
        if not text:
            raise self.error("is empty")
        return "json" if text[:1] in b"[{" else "csv"

    @cached_property
    def headers(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and type of each array of an .npz file; the one of an .npy file has no name. Python objects are
        refused."""
        with self.reading() as file:
            found = dict(self._npz_headers()) if self.kind == "npz" else {"": array_header(file, _size(file))}
            for name, (_, dtype) in found.items():
                if dtype.hasobject:
                    raise Unusable(
                        f"has Python objects in {cut(name) or 'its array'}, which can hide code; save integers"
                    )
        return found

    def array(self, name: str) -> np.ndarray:
        """An array with a header, whose values are numbers or texts."""
        if name not in self.headers:
            raise KeyError(name)
        with self.reading() as file:
            if self.kind == "npy":
                check_fits(_size(file))
                return np.lib.format.read_array(file, allow_pickle=False)
            with open_zip(self.path) as archive, archive.open(f"{name}.npy") as entry:
                return np.lib.format.read_array(entry, allow_pickle=False)

    def tensors(self) -> dict[str, Any]:
        """The content of a file of ``torch.save``; no code is run."""
        with self.reading():
            return read_tensors(self.path)

    @cached_property
    def first(self) -> Any:
        """The first record of a JSON file."""
        return next((value for _, value in self.records()), None)

    def records(self) -> Iterator[tuple["Source", Any]]:
        """The values of a JSON file, each with its place: of its lines, the objects of its one list, or its one
        value."""
        with self.reading() as file:
            check_fits(_READ * _size(file))
            lines = _lines(file)
            if (first := next(lines, None)) is None:
                raise Unusable("is empty")
            number, value = first[0], self._first(*first, file)
            if isinstance(value, list) and value and isinstance(value[0], dict):
                yield from ((self._at(f"object {place} of its list"), one) for place, one in enumerate(value, start=1))
            else:
                yield self._at(f"line {number}"), value
            for number, line in lines:
                yield self._at(f"line {number}"), self._at(f"line {number}")._json(line)

    def cells(self) -> list[list[str]]:
        """The rows of a CSV file that are not empty."""
        with self.reading() as file:
            text = _text(file.read(MOST_LINE + 1))
            check_cells(text, ",\n")
            try:
                rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
            except csv.Error as error:
                raise Unusable(f"is no CSV file: {error}") from None
            if not rows:
                raise Unusable("is empty")
            return rows

    def part(self, offset: int, size: int) -> bytes:
        """So many bytes from a place on. Raises DataError if the file ends before."""
        with self.reading() as file:
            if offset + size > _size(file):
                raise Unusable(f"has {_size(file)} bytes, and bytes {offset} to {offset + size} are to be read")
            check_fits(_READ * size)
            file.seek(offset)
            return file.read(size)

    def error(self, text: str) -> DataError:
        place = f", {self.place}," if self.place else ""
        return DataError(f"{cut(str(self.path), 200)}{place} {text}")

    def _at(self, place: str) -> "Source":
        return Source(self.path, self.expected, place)

    def _first(self, number: int, line: str, file: IO[bytes]) -> Any:
        """The value that begins in the first line, which may be spread over all lines."""
        try:
            return read_json(line)
        except Unusable:
            rest = _text(file.read(MOST_LINE + 1))
            if line[0] == "{" == rest.lstrip()[:1]:
                # no value of an object begins a line with a brace: the second line is another object
                return self._at(f"line {number}")._json(line)
            return self._json(f"{line}\n{rest}".rstrip())

    def _json(self, text: str) -> Any:
        try:
            return read_json(text)
        except Unusable as error:
            raise self.error(cut(str(error), 200)) from None

    def _of_torch(self) -> bool:
        with open_zip(self.path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())

    def _npz_headers(self) -> Iterator[tuple[str, tuple[tuple[int, ...], np.dtype]]]:
        with open_zip(self.path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if not members:
                raise Unusable("is an archive without arrays; expected one of `numpy.savez`")
            for member in members:
                with archive.open(member) as entry:
                    yield member.filename.removesuffix(".npy"), array_header(entry, member.file_size)

    @contextmanager
    def reading(self) -> Iterator[IO[bytes]]:
        """The opened file; within the block every error of reading it becomes a DataError that names it."""
        try:
            with opened(self.path) as file:
                yield file
        except FileNotFoundError:
            raise self.error(f"is not there: expected {self.expected}") from None
        except BROKEN as error:
            raise self.error(
                cut(str(error), 200) if isinstance(error, Unusable) else f"is damaged ({cut(str(error))})"
            ) from None


def sources(paths: list[Path]) -> list[Source]:
    """The files at these paths; of a folder the files in it, by name. Raises DataError if a folder has none."""
    found: list[Source] = []
    for path in paths:
        is_folder = os.path.isdir(path)
        inside = sorted(one for one in path.iterdir() if not one.name.startswith(".")) if is_folder else [path]
        if not inside:
            raise DataError(f"{path} is an empty folder: expected files with the routing of a model")
        found += map(Source, inside)
    return found


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _lines(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, each with its number from 1."""
    number = 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if text := _text(line).strip():
            yield number, text


def _text(content: bytes) -> str:
    if len(content) > MOST_LINE:
        raise Unusable(f"has a line or table of more than {MOST_LINE} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Unusable(f"is no UTF-8 text ({error.reason} at byte {error.start})") from None
