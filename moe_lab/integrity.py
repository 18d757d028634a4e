"""Whether a stored archive (npz, checkpoint) is what was written: every entry of a zip file has a checksum, which
neither NumPy nor torch look at throughout."""

import io
import zipfile
import zlib
from pathlib import Path

#: the end of an archive without a comment: its length, how it begins, and where it says how many entries there are
_END, _MARK, _COUNT = 22, b"PK\x05\x06", slice(10, 12)


class Damaged(Exception):
    """The text says how an archive is damaged."""


def checksum(content: bytes) -> str:
    """CRC-32, as eight hexadecimal digits: it tells what has been damaged, not what somebody has forged."""
    return f"{zlib.crc32(content):08x}"


def whole_archive(path: Path) -> io.BytesIO:
    """The bytes of a zip file, every entry of which matches its checksum. Raises Damaged, FileNotFoundError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"cannot be read ({error.strerror})") from None
    if not content[-_END:].startswith(_MARK):
        raise Damaged("is torn: it has no end, or is no archive at all")
    try:
        _check(content)
    except Exception as error:
        # what a flipped bit leads to has many names: BadZipFile, zlib.error, EOFError, NotImplementedError, ...
        raise Damaged(f"is damaged ({str(error) or type(error).__name__})") from None
    return io.BytesIO(content)


def _check(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        told = int.from_bytes(content[-_END:][_COUNT], "little")
        if not told == len(entries) == len({one.filename for one in entries}):
            raise zipfile.BadZipFile(f"it has {told} entries and lists {len(entries)}")
        for entry in entries:
            with archive.open(entry) as file:
                # reading to the end compares the checksum
                while file.read(2**20):
                    pass
