"""The sentence about every option, read from the docstrings of classes and the comments of YAML files."""

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from moe_lab.config.catalog import class_file, classes_in, docstring, syntax

#: ``name:  sentence``, or ``name, other:  sentence``, at the left edge, with the indented lines below it
_ENTRY = re.compile(r"^(\w+(?:, \w+)*):[ ]+(.*(?:\n[ ]+\S.*)*)\n?", re.MULTILINE)
_KEY = re.compile(r"^(\w+):")


def sentences(text: str) -> dict[str, str]:
    """Option -> the sentence about it in a docstring, as one line."""
    found: dict[str, str] = {}
    for names, sentence in _ENTRY.findall(text):
        found |= dict.fromkeys(names.split(", "), " ".join(sentence.split()))
    return found


def without(text: str, names: Iterable[str]) -> str:
    """A docstring without the entries that are only about ``names``."""
    told = set(names)
    return _ENTRY.sub(lambda entry: "" if told.issuperset(entry[1].split(", ")) else entry[0], text).strip()


def comments(file: Path) -> dict[str, str]:
    """Key -> the comment directly above it in a YAML file, for keys at the left edge only."""
    found, above = {}, list[str]()
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            above.append(line.lstrip("# "))
            continue
        if above and (key := _KEY.match(line)):
            found[key[1]] = " ".join(above)
        above = []
    return found


def inherited(target: str, plugins: Mapping[str, Path]) -> dict[str, str]:
    """Option -> its sentence in the docstring of a class, or else of its base classes."""
    module, _, name = target.rpartition(".")
    file = class_file(module, plugins)
    if file is None:
        return {}
    known, imported = classes_in(file), _imported(file)
    if name not in known:
        return inherited(imported[name], plugins) if name in imported else {}
    found: dict[str, str] = {}
    for base in reversed(known[name].bases):
        if isinstance(base, ast.Name):
            found |= inherited(f"{module}.{base.id}" if base.id in known else imported.get(base.id, ""), plugins)
    return found | sentences(docstring(target, plugins))


def _imported(file: Path) -> dict[str, str]:
    """Name in a source file -> the dotted name that it was imported from."""
    nodes = [node for node in syntax(file).body if isinstance(node, ast.ImportFrom)]
    return {one.asname or one.name: f"{node.module}.{one.name}" for node in nodes for one in node.names}
