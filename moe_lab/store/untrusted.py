"""Reading untrusted or damaged files: nothing is executed, no link is followed out of its folder, sizes are checked
before content and archives against their checksums. Every fault raises Unusable."""

import io
import json
import os
import re
import stat
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from math import isinf, prod
from pathlib import Path
from sys import float_info
from typing import IO, TYPE_CHECKING, Any, cast

from moe_lab.errors import fault_of

if TYPE_CHECKING:
    import numpy as np

#: most bytes of a text file, and values of a JSON or CSV file (80 bytes each in memory); the largest plans have fewer
MOST_TEXT, MOST_CELLS = 256 * 2**20, 8_000_000
#: most bytes, values and levels of a YAML file; a config has a few kilobytes, a hundred values and seven levels
MOST_YAML, MOST_VALUES, MOST_DEEP = 2**18, 20_000, 50
#: most characters of a whole number: 64 bits have 20 digits, and a sign
MOST_DIGITS = 21
#: the end record of an archive without a comment: its length, its first bytes, and the place of the number of entries
_END, _MARK, _COUNT = 22, b"PK\x05\x06", slice(10, 12)
#: most bytes of a directory, at some 100 per entry, and of an array's header, which is NumPy's own limit
MOST_DIRECTORY, _HEADER = 8 * 2**20, 10_000 + 12
#: bytes that the arrays of a run may always unpack to; above that, at most so many times the archive's size
MOST_ARRAYS, MOST_RATIO = 768 * 2**20, 50
#: phrases by which the libraries' advice to trust a file is recognized
_ADVICE = re.compile(
    r"allow_pickle|weights.only|safe_globals|max_header_size|trust|unsafe|arbitrary code", re.IGNORECASE
)
#: exceptions of the readers of zip files, arrays and tensors for malformed bytes
BROKEN = (
    *(OSError, ValueError, LookupError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError),
    *(AttributeError, AssertionError, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


class Unusable(ValueError):
    """The file cannot be used. The text says why, in one line."""


def inside(path: Path) -> Path:
    """``path`` itself. Raises Unusable if it is a link that leads out of its folder."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(path.parent)):
        raise Unusable("is a link that leads out of its folder")
    return path


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open an ordinary file for reading. Raises FileNotFoundError, and Unusable for anything else, such as a pipe."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unusable("is no ordinary file")
            yield file
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from None


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The UTF-8 text of an ordinary file of at most ``most`` bytes, line ends unchanged. Raises as ``opened`` does."""
    with opened(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise Unusable(f"has {size} bytes, and {most} at most are read")
        try:
            return file.read(size).decode()
        except UnicodeDecodeError as error:
            raise Unusable(f"is no UTF-8 text ({error.reason} at byte {error.start})") from None


def check_cells(text: str, signs: str = ",") -> None:
    """Raises Unusable if a text has too many cells; ``signs`` are the characters that separate them."""
    if (found := sum(map(text.count, signs))) > MOST_CELLS:
        raise Unusable(f"has {found} values, and {MOST_CELLS} at most are read")


def read_json(text: str) -> Any:
    """Parse JSON, with NaN and infinities as null. Raises Unusable, also for a number beyond a float or 64 bits."""
    check_cells(text, ",[{")
    try:
        return json.loads(text, parse_constant=lambda constant: None, parse_int=_whole, parse_float=_finite)
    except RecursionError:
        raise Unusable("is not JSON that moe-lab writes: too deep") from None
    except json.JSONDecodeError as error:
        raise Unusable(f"is not JSON: {fault_of(error)}") from None


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise Unusable(f"is not JSON that moe-lab writes: a number of {len(digits.lstrip('-'))} digits")
    return int(digits)


def _finite(digits: str) -> float:
    if isinf(value := float(digits)):
        raise Unusable(f"is not JSON that moe-lab writes: a number beyond {float_info.max:.2g}")
    return value


def read_yaml(text: str) -> Any:
    """Parse one YAML document of plain values. Raises Unusable for tags of classes, a repeated key, or more values than
    a config has, counting each alias again."""
    import yaml

    if len(text) > MOST_YAML:
        raise Unusable(f"is too large to be a config ({len(text)} characters)")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if (found := _count(node, 0, {})) > MOST_VALUES:
            raise Unusable(f"is too large to be a config ({found:,} values, with its aliases written out)")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unusable(f"is not YAML: {line}{error.problem}") from None
    except yaml.reader.ReaderError as error:
        raise Unusable(f"is not YAML: {error.reason}: character {error.position + 1}") from None
    except RecursionError:
        raise Unusable("is too deep to be a config") from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        of_no_type = Unusable(f"is not YAML: a value that is none of its type ({type(error).__name__})")
        raise error if isinstance(error, Unusable) else of_no_type from None


def _count(node: Any, depth: int, counted: dict[int, int]) -> int:
    """The number of values in a node and below it, counting each alias again."""
    import yaml

    if depth > MOST_DEEP:
        raise Unusable("is too deep to be a config, or an alias of it holds itself")
    if id(node) not in counted:
        below = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            below = [one for pair in node.value for one in pair]
        counted[id(node)] = 1 + sum(_count(one, depth + 1, counted) for one in below)
    return counted[id(node)]


def _check_keys(node: Any) -> None:
    keys = [key.value for key, _ in node.value if isinstance(key.value, str) and not key.tag.endswith(":merge")]
    twice = next((key for key, times in Counter(keys).items() if times > 1), None)
    if twice is not None:
        raise Unusable(f"is not YAML: line {node.start_mark.line + 1}: duplicate key {twice}")


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file as NumPy and torch write them, whose members fit into memory together; members are checked as
    they are read. Raises FileNotFoundError, and Unusable for any fault of the file or of what is read from it."""
    with opened(path) as file, _zip(file) as archive:
        yield archive


@contextmanager
def _run_zip(path: Path) -> Iterator[tuple[IO[bytes], zipfile.ZipFile]]:
    """Open a zip file that moe-lab wrote: the file and its ``ZipFile``. Raises as ``open_zip`` does."""
    with opened(path) as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _END, 0))
        end = file.read()
        if not end.startswith(_MARK):
            raise Unusable("is torn: it has no end, or is no archive at all")
        with _zip(file) as archive:
            _check_entries(archive, int.from_bytes(end[_COUNT], "little"))
            yield file, archive


class _InPieces:
    """A file for ``zipfile`` that limits the size of one read: a directory is read in one call, whatever size it
    claims."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        if size > MOST_DIRECTORY:
            raise Unusable(f"has a directory of {size} bytes, and {MOST_DIRECTORY} at most are read")
        return self._file.read(size)


@contextmanager
def _zip(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(cast(IO[bytes], _InPieces(file))) as archive:
            members = archive.infolist()
            check_fits(sum(member.file_size for member in members))
            if not all(member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
                raise Unusable("is packed as neither NumPy nor torch do")
            yield archive
    except BROKEN as error:
        raise error if isinstance(error, Unusable) else Unusable(f"is damaged ({_words(error)})") from None


def _check_entries(archive: zipfile.ZipFile, told: int) -> None:
    """Raises Unusable unless an archive lists ``told`` entries, each once and by the name in the entry itself, which
    opening it compares."""
    names = archive.namelist()
    if not told == len(names) == len(set(names)):
        raise Unusable(f"is damaged (it has {told} entries and lists {len(names)})")
    for name in names:
        archive.open(name).close()


def _words(error: Exception) -> str:
    """A library's error message on one line, without its advice to read the file unsafely."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "it may hold code, which is not read" if _ADVICE.search(text) else text


def check_fits(size: int) -> None:
    """Raises Unusable if ``size`` bytes are more than half of this machine's memory."""
    if size > memory() / 2:
        raise Unusable(f"claims {size / 2**30:,.0f} GiB, more than half of this machine's memory")


def memory() -> int:
    """Size of this machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def array_header(file: IO[bytes], size: int) -> "tuple[tuple[int, ...], np.dtype]":
    """Shape and type of the array in a .npy file of ``size`` bytes; only the header is read.

    Raises Unusable if the size is not the one that shape and type imply. Python objects have no such size; the caller
    must refuse them.
    """
    import numpy as np

    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    start = io.BytesIO(file.read(_HEADER))
    shape, _, dtype = readers[np.lib.format.read_magic(start)](start)
    held = size - start.tell()
    if not dtype.hasobject and prod(shape) * dtype.itemsize != held:
        raise Unusable(f"declares {dtype} of shape {shape}, and holds {held} bytes")
    return shape, dtype


def read_arrays(path: Path, names: Container[str] | None = None) -> "dict[str, np.ndarray]":
    """Read the arrays of a run's .npz file, or those of the given names, without pickles. All headers are checked
    before the first array is unpacked, and the checksum of each unpacked array. Raises FileNotFoundError, and
    Unusable."""
    import numpy as np

    with _run_zip(path) as (file, archive):
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        unpacked = sum(member.file_size for member in members.values())
        if unpacked > max(MOST_ARRAYS, MOST_RATIO * os.fstat(file.fileno()).st_size):
            raise Unusable(f"would unpack to {unpacked / 2**30:.1f} GiB, more than {MOST_RATIO} times its size")
        wanted = {name: member for name, member in members.items() if names is None or name in names}
        for member in wanted.values():
            with archive.open(member) as entry:
                if array_header(entry, member.file_size)[1].hasobject:
                    raise Unusable(f"has {member.filename}, which holds Python objects: they can hide code")
        read = np.lib.format.read_array
        return {name: read(archive.open(member), allow_pickle=False) for name, member in wanted.items()}


def read_tensors(path: Path, device: Any = "cpu", *, in_file: bool = False) -> dict[str, Any]:
    """Read the state in a file of ``torch.save``: tensors, numbers, text, lists and dicts of them, and no code.
    With ``in_file`` tensors stay in the file, mapped as shared (private mappings count as memory of the process): copy
    them before they are changed. Raises FileNotFoundError, and Unusable.
    """
    import pickle
    from mmap import MAP_SHARED

    import torch

    with _run_zip(path) as (file, archive):
        # torch does not compress, so no more bytes can be read than the file has
        if sum(member.file_size for member in archive.infolist()) > os.fstat(file.fileno()).st_size:
            raise Unusable("is damaged (its entries claim more than it holds)")
        if (damaged := archive.testzip()) is not None:
            raise Unusable(f"is damaged (a checksum does not match: {damaged})")
        file.seek(0)
        try:
            with torch.serialization.set_default_mmap_options(MAP_SHARED):
                state = torch.load(path if in_file else file, map_location=device, weights_only=True, mmap=in_file)
        except (*BROKEN, pickle.UnpicklingError) as error:
            raise Unusable(f"is no checkpoint ({_words(error)})") from None
    if not isinstance(state, dict):
        raise Unusable("is no checkpoint of a run")
    return state
