"""Reading files that a stranger may have written, or that were damaged: nothing of them is executed, links are not
followed out of their folder, what would not fit into memory is refused before it is read, and what is read of an
archive is compared with its checksum, which neither NumPy nor torch do throughout. Whatever is wrong is Unusable."""

import io
import json
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from math import isinf, prod
from pathlib import Path
from sys import float_info
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: bytes of a text file; the largest that moe-lab writes, the plan of a sweep of many thousand jobs, has fewer
MOST_TEXT = 256 * 2**20
#: bytes, values and levels of a YAML file; a config has a few kilobytes, a hundred values and seven levels
MOST_YAML, MOST_VALUES, MOST_DEEP = 2**18, 20_000, 50
#: characters of a whole number: 64 bits have 20 digits, and a sign
MOST_DIGITS = 21
#: the end of an archive without a comment: its length, how it begins, and where it says how many entries there are
_END, _MARK, _COUNT = 22, b"PK\x05\x06", slice(10, 12)
#: what the readers of zip files, arrays and tensors raise for bytes that are none
_BROKEN = (
    *(OSError, ValueError, LookupError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError),
    *(AttributeError, AssertionError, zipfile.BadZipFile, zlib.error),
)


class Unusable(ValueError):
    """The file cannot be used. The text says why, in one line."""


def inside(path: Path) -> Path:
    """``path`` itself, which is no link that leads out of its folder. Raises Unusable."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(path.parent)):
        raise Unusable("is a link that leads out of its folder")
    return path


def read_text(path: Path) -> str:
    """The UTF-8 text of an ordinary file, its line ends as they are. Raises FileNotFoundError, and Unusable."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise Unusable("is no ordinary file")
        if facts.st_size > MOST_TEXT:
            raise Unusable(f"has {facts.st_size} bytes, and {MOST_TEXT} at most are read")
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise Unusable(f"is no UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from None


def read_json(text: str) -> Any:
    """The value of a JSON text, as far as moe-lab writes it: NaN and infinities, which JSON does not have, are read as
    null; a number that a float or 64 bits do not hold is refused. Raises Unusable."""
    try:
        return json.loads(text, parse_constant=lambda constant: None, parse_int=_whole, parse_float=_finite)
    except RecursionError:
        raise Unusable("is not JSON that moe-lab writes: too deep") from None
    except Unusable:
        raise
    except ValueError as error:
        raise Unusable(f"is not JSON: {error}") from None


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
        if _count(node, 0, {}) > MOST_VALUES:
            raise Unusable("is too large to be a config: its aliases repeat too much")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unusable(f"is not YAML: {line}{error.problem}") from None
    except yaml.reader.ReaderError as error:
        raise Unusable(f"is not YAML: {error.reason}: character {error.position + 1}") from None
    except RecursionError:
        raise Unusable("is too deep to be a config") from None
    except Unusable:
        raise
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        raise Unusable(f"is not YAML: a value that is none of its type ({type(error).__name__})") from None


def _count(node: Any, depth: int, counted: dict[int, int]) -> int:
    """How many values a node and those below it are, each alias counted again."""
    import yaml

    if depth > MOST_DEEP:
        raise Unusable("is too deep to be a config, or an alias of it holds itself")
    if id(node) not in counted:
        below: list[Any] = []
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            below = [one for pair in node.value for one in pair]
        elif isinstance(node, yaml.SequenceNode):
            below = node.value
        counted[id(node)] = 1 + sum(_count(one, depth + 1, counted) for one in below)
    return counted[id(node)]


def _check_keys(node: Any) -> None:
    keys = [key.value for key, _ in node.value if isinstance(key.value, str) and not key.tag.endswith(":merge")]
    twice = next((key for key, times in Counter(keys).items() if times > 1), None)
    if twice is not None:
        raise Unusable(f"is not YAML: line {node.start_mark.line + 1}: duplicate key {twice}")


@contextmanager
def open_zip(file: Path | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """A zip file whose members fit into memory together. Raises FileNotFoundError, and Unusable for whatever is wrong
    with it or with what is read from it."""
    try:
        with zipfile.ZipFile(file) as archive:
            check_fits(sum(member.file_size for member in archive.infolist()))
            yield archive
    except (Unusable, FileNotFoundError):
        raise
    except _BROKEN as error:
        raise Unusable(f"is damaged ({' '.join(str(error).split()) or type(error).__name__})") from None


def archive_bytes(path: Path) -> io.BytesIO:
    """The bytes of a zip file that lists as many entries as it says, each once and by the name that it has itself;
    their checksums have not been looked at. Raises FileNotFoundError, and Unusable."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"cannot be read ({error.strerror})") from None
    if not content[-_END:].startswith(_MARK):
        raise Unusable("is torn: it has no end, or is no archive at all")
    with open_zip(io.BytesIO(content)) as archive:
        names = archive.namelist()
        told = int.from_bytes(content[-_END:][_COUNT], "little")
        if not told == len(names) == len(set(names)):
            raise Unusable(f"is damaged (it has {told} entries and lists {len(names)})")
        for name in names:
            # compares the list's name with the entry's
            archive.open(name).close()
    return io.BytesIO(content)


def check_fits(size: int) -> None:
    """Raises Unusable where so many bytes are more than half of this machine's memory."""
    if size > memory() / 2:
        raise Unusable(f"claims {size / 2**30:,.0f} GiB, more than half of this machine's memory")


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def array_header(file: IO[bytes], size: int) -> "tuple[tuple[int, ...], np.dtype]":
    """Shape and type of the array in a .npy file of so many bytes, which have to be as many as these say.

    Python objects have no such size and are left to the caller to refuse. Raises Unusable.
    """
    import numpy as np

    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = readers[np.lib.format.read_magic(file)](file)
    held = size - file.tell()
    if not dtype.hasobject and prod(shape) * dtype.itemsize != held:
        raise Unusable(f"declares {dtype} of shape {shape}, and holds {held} bytes")
    return shape, dtype


def read_arrays(path: Path, names: Container[str] | None = None) -> "dict[str, np.ndarray]":
    """The arrays of an .npz file, or those of the given names, without pickles. Raises FileNotFoundError, and
    Unusable."""
    with open_zip(archive_bytes(path)) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        return {name: _read_array(archive, one) for name, one in members.items() if names is None or name in names}


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> "np.ndarray":
    import numpy as np

    file = io.BytesIO(archive.read(member))
    _, dtype = array_header(file, member.file_size)
    if dtype.hasobject:
        raise Unusable(f"has {member.filename}, which holds Python objects: they can hide code")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_tensors(path: Path, device: Any = "cpu") -> dict[str, Any]:
    """The state in a file of ``torch.save``: tensors, numbers, text, lists and dicts of them, and nothing that runs.

    Raises FileNotFoundError, and Unusable.
    """
    import pickle

    import torch

    content = archive_bytes(path)
    with open_zip(content) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise Unusable(f"is damaged (a checksum does not match: {damaged})")
    content.seek(0)
    try:
        state = torch.load(content, map_location=device, weights_only=True)
    except (*_BROKEN, pickle.UnpicklingError) as error:
        raise Unusable(f"is no checkpoint ({(str(error) or type(error).__name__).splitlines()[0]})") from None
    if not isinstance(state, dict):
        raise Unusable("is no checkpoint of a run")
    return state
