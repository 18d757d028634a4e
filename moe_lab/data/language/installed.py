"""Text that is installed wherever moe-lab is: sources, docstrings and headers, read in an order that is always the
same."""

import ast
import importlib.util
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moe_lab.data.generators import bit_generator
from moe_lab.data.language.windows import Document
from moe_lab.data.split import random_order
from moe_lab.errors import DataError

#: folders without text of their own: tests, and what is installed beside the standard library
WITHOUT = frozenset({"test", "tests", "testing", "site-packages", "dist-packages", "lib2to3", "idlelib", "_vendor"})
#: what English about Python is taken from
PACKAGES = ("numpy", "scipy", "pandas")


@dataclass(frozen=True)
class Domain:
    """folders: where its files lie, by what a file's document is labelled with. suffixes: of the files that count.
    text_of: the text in a file's bytes. is_source: whether that is all of a Python source. without: folders that are
    left out."""

    folders: Callable[[], dict[str, Path]]
    suffixes: tuple[str, ...]
    text_of: Callable[[bytes], bytes]
    is_source: bool = False
    without: frozenset[str] = WITHOUT


def docstrings(source: bytes) -> bytes:
    """All docstrings of a Python source, in its order, with an empty line between two; nothing of what is no Python."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return b""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return "\n\n".join(text for text in found if text).encode()


def whole(source: bytes) -> bytes:
    return source


def _standard_library() -> dict[str, Path]:
    return {"python": Path(sysconfig.get_paths()["stdlib"])}


def _packages() -> dict[str, Path]:
    return {name: _folder(name) for name in PACKAGES}


def _headers() -> dict[str, Path]:
    return {"torch": _folder("torch") / "include"}


def _folder(package: str) -> Path:
    """Where a package is installed, without importing it; the name alone if it is not."""
    found = importlib.util.find_spec(package)
    return Path(package) if found is None or found.origin is None else Path(found.origin).parent


DOMAINS: dict[str, Domain] = {
    "python": Domain(_standard_library, (".py",), whole, is_source=True),
    "prose": Domain(_packages, (".py",), docstrings),
    # ops are thousands of generated headers, all alike
    "cpp": Domain(_headers, (".h", ".hpp"), whole, without=WITHOUT | {"ops"}),
}


def documents_of(name: str, most_bytes: int, document_bytes: int) -> list[Document]:
    """Documents of a domain, each from a file of its own, until there are ``most_bytes``.

    Files come in a random order that depends on their paths alone, and a document of a longer file is a passage at a
    random place. Raises DataError if there is no such file.
    """
    found, total = [], 0
    for label, path in _files(name):
        one = _passage(name, label, path, min(document_bytes, most_bytes - total))
        if one is None:
            continue
        found.append(one)
        total += len(one.token_X)
        if total >= most_bytes:
            break
    return found


def _files(name: str) -> Iterator[tuple[str, Path]]:
    domain = DOMAINS[name]
    files = []
    for label, folder in domain.folders().items():
        inside = sorted(path for path in folder.rglob("*") if _counts(path, folder, domain))
        if not inside:
            raise DataError(
                f"{folder}: expected files of {' or '.join(domain.suffixes)} for the domain {name}, found none; "
                f"leave it out: dataset.domains=[{','.join(one for one in DOMAINS if one != name)}]"
            )
        files += [(label, path) for path in inside]
    yield from (files[place] for place in random_order(len(files), 0, f"text_modules/{name}").tolist())


def _counts(path: Path, folder: Path, domain: Domain) -> bool:
    return path.suffix in domain.suffixes and domain.without.isdisjoint(path.relative_to(folder).parts)


def _passage(name: str, label: str, path: Path, most: int) -> Document | None:
    """At most so many bytes of a file, from the beginning of a line; None if it has no text, or cannot be read."""
    domain = DOMAINS[name]
    try:
        source = path.read_bytes()
    except OSError:
        return None
    text = domain.text_of(source)
    if not text.strip():
        return None
    start = _start(text, most, f"text_modules/{name}/{path.name}")
    token_X = np.frombuffer(text[start : start + most], dtype=np.uint8)
    return Document(token_X, {"domain": name, "package": label}, source if domain.is_source else None, start)


def _start(text: bytes, most: int, name: str) -> int:
    """The beginning of a line at a random place, so that ``most`` bytes follow; 0 in a short text."""
    room = len(text) - most
    if room <= 0:
        return 0
    place = int(bit_generator(0, name).random_raw() % (room + 1))
    return text.rfind(b"\n", 0, place) + 1
