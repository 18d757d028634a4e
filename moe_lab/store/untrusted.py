"""Reading files that a stranger may have written, or that were damaged. Nothing of them is executed, links are not
followed out of their folder, sizes are checked before what they are of is read, and what is read of an archive is
compared with its checksum. Whatever is wrong is Unusable."""

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

if TYPE_CHECKING:
    import numpy as np

#: bytes of a text file, and values of a JSON or CSV file, each of which takes some 80 bytes once it is read. The
#: largest that moe-lab writes, the plan of a sweep of many thousand jobs, has fewer
MOST_TEXT, MOST_CELLS = 256 * 2**20, 8_000_000
#: bytes, values and levels of a YAML file; a config has a few kilobytes, a hundred values and seven levels
MOST_YAML, MOST_VALUES, MOST_DEEP = 2**18, 20_000, 50
#: characters of a whole number: 64 bits have 20 digits, and a sign
MOST_DIGITS = 21
#: the end of an archive without a comment: its length, how it begins, and where it says how many entries there are
_END, _MARK, _COUNT = 22, b"PK\x05\x06", slice(10, 12)
#: bytes of a directory, some 100 an entry, and of the header of an array, of which NumPy reads none that is longer
MOST_DIRECTORY, _HEADER = 8 * 2**20, 10_000 + 12
#: bytes that the arrays of a run may unpack to, however small their archive; beyond that, so many times its size
MOST_ARRAYS, MOST_RATIO = 768 * 2**20, 50
#: what the libraries' advice to trust a file has in it
_ADVICE = re.compile(
    r"allow_pickle|weights.only|safe_globals|max_header_size|trust|unsafe|arbitrary code", re.IGNORECASE
)
#: what the readers of zip files, arrays and tensors raise for bytes that are none
BROKEN = (
    *(OSError, ValueError, LookupError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError),
    *(AttributeError, AssertionError, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


class Unusable(ValueError):
    """The file cannot be used. The text says why, in one line."""


def inside(path: Path) -> Path:
    """``path`` itself, which is no link that leads out of its folder. Raises Unusable."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(path.parent)):
        raise Unusable("is a link that leads out of its folder")
    return path


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """An ordinary file; a pipe is not waited for. Raises FileNotFoundError, and Unusable."""
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
    """The UTF-8 text of an ordinary file of at most so many bytes, its line ends as they are. Raises FileNotFoundError,
    and Unusable."""
    with opened(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise Unusable(f"has {size} bytes, and {most} at most are read")
        try:
            return file.read(most).decode()
        except UnicodeDecodeError as error:
            raise Unusable(f"is no UTF-8 text ({error.reason} at byte {error.start})") from None


def check_cells(text: str, signs: str = ",") -> None:
    """Raises Unusable where a text of cells, each with one of these signs before or behind it, has too many."""
    found = sum(map(text.count, signs))
    if found > MOST_CELLS:
        raise Unusable(f"has {found} values, and {MOST_CELLS} at most are read")


def read_json(text: str) -> Any:
    """The value of a JSON text, as far as moe-lab writes it: NaN and infinities, which JSON does not have, are read as
    null; a number that a float or 64 bits do not hold is refused. Raises Unusable."""
    check_cells(text, ",[{")
    try:
        return json.loads(text, parse_constant=lambda constant: None, parse_int=_whole, parse_float=_finite)
    except RecursionError:
        raise Unusable("is not JSON that moe-lab writes: too deep") from None
    except ValueError as error:
        raise error if isinstance(error, Unusable) else Unusable(f"is not JSON: {error}") from None


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise Unusable(f"is not JSON that moe-lab writes: a number of {len(digits.lstrip('-'))} digits")
    return int(digits)


def _finite(digits: str) -> float:
    if isinf(value := float(digits)):
        raise Unusable(f"is not JSON that moe-lab writes: a number beyond {float_info.max:.2g}")
    return value


def read_yaml(text: str) -> Any:
    """The plain values of one YAML document: no tags of classes, no key twice, and with its aliases written out no more
    values than a config has. Raises Unusable."""
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
    """How many values a node and those below it are, each alias counted again."""
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
    """A zip file as NumPy and torch write them, whose members fit into memory together; what it holds is checked as it
    is read. Raises FileNotFoundError, and Unusable for whatever is wrong with it or with what is read from it."""
    with opened(path) as file, _zip(file) as archive:
        yield archive


@contextmanager
def _run_zip(path: Path) -> Iterator[tuple[IO[bytes], zipfile.ZipFile]]:
    """A zip file that moe-lab has written: its file, and what it is read by. Raises as ``open_zip`` does."""
    with opened(path) as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _END, 0))
        end = file.read()
        if not end.startswith(_MARK):
            raise Unusable("is torn: it has no end, or is no archive at all")
        with _zip(file) as archive:
            _check_entries(archive, int.from_bytes(end[_COUNT], "little"))
            yield file, archive


class _InPieces:
    """A file for ``zipfile``, which reads the directory in one go, however large it claims to be."""

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
    """Raises Unusable unless an archive lists as many entries as told, each once and by the name that it has itself,
    which opening it compares."""
    names = archive.namelist()
    if not told == len(names) == len(set(names)):
        raise Unusable(f"is damaged (it has {told} entries and lists {len(names)})")
    for name in names:
        archive.open(name).close()


def _words(error: Exception) -> str:
    """What a library says of a file, on one line, without its advice to read it unsafely."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "it may hold code, which is not read" if _ADVICE.search(text) else text


def check_fits(size: int) -> None:
    """Raises Unusable where so many bytes are more than half of this machine's memory."""
    if size > memory() / 2:
        raise Unusable(f"claims {size / 2**30:,.0f} GiB, more than half of this machine's memory")


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def array_header(file: IO[bytes], size: int) -> "tuple[tuple[int, ...], np.dtype]":
    """Shape and type of the array in a .npy file of so many bytes, which have to be as many as these say; no more than
    the header is read.

    Python objects have no such size and are left to the caller to refuse. Raises Unusable.
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
    """The arrays of an .npz file of a run, or those of the given names, without pickles. All headers are looked at
    before the first array is unpacked, and of each that is, its checksum. Raises FileNotFoundError, and Unusable."""
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


def read_tensors(path: Path, device: Any = "cpu") -> dict[str, Any]:
    """The state in a file of ``torch.save``: tensors, numbers, text, lists and dicts of them, and nothing that runs.

    Raises FileNotFoundError, and Unusable.
    """
    import pickle

    import torch

    with _run_zip(path) as (file, archive):
        # torch packs nothing, so that there is no more to read than the file has
        if sum(member.file_size for member in archive.infolist()) > os.fstat(file.fileno()).st_size:
            raise Unusable("is damaged (its entries claim more than it holds)")
        if (damaged := archive.testzip()) is not None:
            raise Unusable(f"is damaged (a checksum does not match: {damaged})")
        file.seek(0)
        try:
            state = torch.load(file, map_location=device, weights_only=True)
        except (*BROKEN, pickle.UnpicklingError) as error:
            raise Unusable(f"is no checkpoint ({_words(error)})") from None
    if not isinstance(state, dict):
        raise Unusable("is no checkpoint of a run")
    return state
