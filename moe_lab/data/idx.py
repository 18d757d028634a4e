"""IDX files, the format of MNIST (LeCun, Cortes & Burges 1998): a header of big-endian sizes, then the bytes."""

import gzip
import hashlib
import io
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from moe_lab.errors import DataError
from moe_lab.store.untrusted import Unusable, opened

UNSIGNED_BYTE = 0x08
#: unpacked bytes of a data set's file: the largest, an archive of CIFAR's batches, has 186 MB
MOST_BYTES = 256 * 2**20


def read_idx(path: Path, md5: str, remedy: str) -> np.ndarray:
    """The uint8 array of an IDX file, raw or gzipped (``.gz``), after checking the md5 of its uncompressed bytes.

    Raises DataError with the path, what was expected, what was found, and ``remedy`` (what to do about it).
    """
    try:
        content = uncompressed(path)
        array = parse_idx(content)
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5:
            raise ValueError(f"expected md5 {md5}, found {found}")
    except ValueError as error:
        raise DataError(f"{path} is not the file it should be: {error}; {remedy}") from None
    return array


def parse_idx(content: bytes) -> np.ndarray:
    """The array in the bytes of an IDX file of unsigned bytes: 0, 0, type, number of axes; a size an axis; the values.

    Raises ValueError saying what was expected and what was found.
    """
    magic = content[:4]
    if len(magic) < 4 or magic[:3] != bytes((0, 0, UNSIGNED_BYTE)) or magic[3] == 0:
        raise ValueError(f"expected an IDX file of unsigned bytes (00 00 08 ..), found the bytes '{magic.hex(' ')}'")
    axes = magic[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError(f"expected a header of {start} bytes, found {len(content)} bytes in all")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = start + prod(shape)
    if len(content) != expected:
        raise ValueError(f"expected {expected} bytes for the shape {shape} in its header, found {len(content)}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def uncompressed(path: Path) -> bytes:
    """The bytes of a file, unpacked if it ends in ``.gz``. Raises ValueError saying what was expected and found."""
    try:
        with opened(path) as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ValueError("expected a readable file, found none") from None
    except Unusable as error:
        raise ValueError(f"expected a readable file, found one that {error}") from None
    if path.suffix == ".gz":
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"expected a whole gzip file, found {len(content)} bytes that break off: {error}"
            ) from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES} bytes, found more")
    return content
