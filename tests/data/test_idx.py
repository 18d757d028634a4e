import gzip
import hashlib
import re
import struct

import numpy as np
import pytest

from moe_lab.data.idx import parse_idx, read_idx
from moe_lab.errors import DataError

# 0, 0, type 8, 2 axes; sizes 2 and 3; six bytes
CONTENT = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 11, 12, 13, 14, 15])
MD5 = hashlib.md5(CONTENT).hexdigest()


def test_values_by_hand():
    assert parse_idx(CONTENT).tolist() == [[10, 11, 12], [13, 14, 15]]
    assert parse_idx(CONTENT).dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "found the bytes ''"),
        (b"<!DOCTYPE html>", "found the bytes '3c 21 44 4f'"),
        (b"\0\0\x0d\2" + CONTENT[4:], "found the bytes '00 00 0d 02'"),
        (b"\0\0\x08\0", "found the bytes '00 00 08 00'"),
        (CONTENT[:9], "expected a header of 12 bytes, found 9 bytes in all"),
        (CONTENT[:-1], "expected 18 bytes for the shape (2, 3) in its header, found 17"),
        (CONTENT + b"\0", "expected 18 bytes for the shape (2, 3) in its header, found 19"),
        (struct.pack(">HBB2I", 0, 8, 2, 2**32 - 1, 2**32 - 1), "found 12"),
    ],
    ids=["empty", "page", "floats", "no axes", "half a header", "a byte short", "a byte more", "absurd sizes"],
)
def test_what_is_no_idx_file(content, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_idx(content)


def test_raw_and_gzipped_files_read_the_same(tmp_path):
    (tmp_path / "raw").write_bytes(CONTENT)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(CONTENT))
    assert np.array_equal(read_idx(tmp_path / "raw", MD5, ""), read_idx(tmp_path / "packed.gz", MD5, ""))


def test_a_changed_byte_fails_the_checksum(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(CONTENT[:-1] + b"\x10")
    found = hashlib.md5(CONTENT[:-1] + b"\x10").hexdigest()
    with pytest.raises(DataError) as caught:
        read_idx(path, MD5, "mend it")
    assert str(caught.value) == f"{path} is not the file it should be: expected md5 {MD5}, found {found}; mend it"


@pytest.mark.parametrize(
    "content",
    [gzip.compress(CONTENT)[:-9], b"no gzip", b"\x1f\x8b\x08" + b"\xff" * 20],
    ids=["truncated", "no gzip", "bad flags"],
)
def test_a_gzip_file_that_breaks_off(tmp_path, content):
    path = tmp_path / "packed.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"expected a whole gzip file, found {len(content)} bytes .*; mend it"):
        read_idx(path, MD5, "mend it")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(
        DataError, match="expected a readable file, found one that cannot be read: Is a directory; mend it"
    ):
        read_idx(tmp_path, MD5, "mend it")
