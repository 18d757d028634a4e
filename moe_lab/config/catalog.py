"""The listing of all options with a summary and a source each, without importing torch or any part."""

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from moe_lab.config.sources import Sources, open_sources

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = re.compile(r"^\s*Source:\s*(.*(?:\n(?!\s*\n|\s*\w+:\s).+)*)", re.MULTILINE)


def catalog(
    group: str | None = None, config_dir: Path | None = None, plugins: Sequence[Path] = ()
) -> list[dict[str, str]]:
    """One row per option of the group, or of all groups: group, name, summary, source, target; "" if one is missing.

    The summary is the start of the class's docstring, or else of the comment at the top of the YAML file. If several
    options name the same class, the comment takes precedence, because the docstring cannot distinguish them.
    ``Source:`` begins the source in both. ``plugins`` are files whose classes options may name; they are read, not run.
    Raises ConfigError if there is no such group.
    """
    sources = open_sources(config_dir)
    files = {path.stem: path for path in plugins if path.is_file()}
    return [row for one in ([group] if group else sources.groups) for row in _rows(sources, one, files)]


def _rows(sources: Sources, group: str, plugins: Mapping[str, Path]) -> list[dict[str, str]]:
    targets = {name: str(sources.node(group, name).get("_target_", "")) for name in sources.options(group)}
    shared = Counter(targets.values())
    rows = []
    for name, target in targets.items():
        texts = [docstring(target, plugins), _head_comment(sources.file(group, name))]
        if shared[target] > 1:
            texts.reverse()
        summary = next(filter(None, map(_summary, texts)), "")
        source = next(filter(None, map(_source, texts)), "")
        rows.append({"group": group, "name": name, "summary": summary, "source": source, "target": target})
    return rows


def docstring(target: str, plugins: Mapping[str, Path]) -> str:
    """The class's docstring, read from its source file."""
    module, _, name = target.rpartition(".")
    file = class_file(module, plugins)
    found = classes_in(file).get(name) if file else None
    return (ast.get_docstring(found) or "") if found else ""


def class_file(module: str, plugins: Mapping[str, Path]) -> Path | None:
    """The source file of a module of moe-lab or of a plug-in; None for any other."""
    if module in plugins:
        return plugins[module]
    path = _PACKAGE_ROOT.joinpath(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    return file if module.startswith("moe_lab.") and file.is_file() else None


def classes_in(file: Path) -> dict[str, ast.ClassDef]:
    """The classes that a source file defines, by name."""
    return {node.name: node for node in syntax(file).body if isinstance(node, ast.ClassDef)}


def syntax(file: Path) -> ast.Module:
    """The syntax tree of a source file, cached until the file changes."""
    return _parsed(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _parsed(file: Path, written_at: int) -> ast.Module:
    return ast.parse(file.read_text())


def _head_comment(file: Path) -> str:
    """The comment lines at the top of a file, without Hydra's ``@package``."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return "\n".join(line for line in lines if not line.startswith("@package"))


def _summary(text: str) -> str:
    """The summary of a text: its lines up to the first that ends a sentence."""
    return " ".join(_first(text))


def _first(text: str) -> list[str]:
    taken: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("Source:"):
            break
        taken.append(line)
        if line.endswith((".", "?")):
            break
    return taken


def rest(text: str) -> str:
    """A docstring without its summary and its source."""
    left = "\n".join(_SOURCE.sub("", text).splitlines()[len(_first(text)) :])
    return re.sub(r"\n{3,}", "\n\n", left).strip()


def _source(text: str) -> str:
    """The text after ``Source:``, up to the end of its paragraph or the next ``Word:``."""
    found = _SOURCE.search(text)
    return " ".join(found.group(1).split()) if found else ""
