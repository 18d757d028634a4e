"""What a zip file says of its directory, found without reading that: a directory may be as large as the file, and
``zipfile`` reads it whole."""

import os
from typing import IO

#: the record at the end: bytes of it, its first four, of its longest comment, and where it says how many entries the
#: directory has and how many bytes
_END, _MARK, _COMMENT = 22, b"PK\x05\x06", 2**16
_COUNT, _SIZE = slice(10, 12), slice(12, 16)
#: in an archive beyond 4 GiB a locator stands before it, and says where another record is
_LOCATOR, _LOCATOR_MARK, _PLACE = 20, b"PK\x06\x07", slice(8, 16)
_END_64, _SIZE_64 = 56, slice(40, 48)
_ELSEWHERE = 2**32 - 1


def entries_told(file: IO[bytes]) -> int | None:
    """How many entries an archive without a comment says that it has; None where it does not end as one."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(length - _END, 0))
    end = file.read()
    return _number(end, _COUNT) if end.startswith(_MARK) and len(end) == _END else None


def directory_bytes(file: IO[bytes]) -> int:
    """The largest directory that ``zipfile`` may take the file to have; 0 where it has none."""
    length = file.seek(0, os.SEEK_END)
    start = file.seek(max(length - _END - _COMMENT - _LOCATOR, 0))
    tail = file.read()
    end = tail.rfind(_MARK)
    if end < 0:
        return 0
    size = _number(tail[end:], _SIZE)
    locator = tail[max(end - _LOCATOR, 0) : end]
    if not locator.startswith(_LOCATOR_MARK):
        return size
    # right before the locator, where zipfile expects it, and where the locator says
    places = start + end - _LOCATOR - _END_64, _number(locator, _PLACE)
    sizes = [_size_64(file, place) for place in places if 0 <= place <= length - _END_64]
    return max([*sizes, 0 if size == _ELSEWHERE else size])


def _size_64(file: IO[bytes], place: int) -> int:
    file.seek(place)
    return _number(file.read(_END_64), _SIZE_64)


def _number(record: bytes, place: slice) -> int:
    return int.from_bytes(record[place], "little")
