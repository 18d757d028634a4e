"""BibTeX entries for the sources that parts, metrics and statistics name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from moe_lab.errors import one_line

PAPERS = Path(__file__).with_name("papers.bib")
_ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}\n", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_ARXIV = re.compile(r"\b\d{4}\.\d{4,5}\b")
_YEAR = re.compile(r"\b(18|19|20)\d\d\b")
_ACCENT = re.compile(r"\{\\.(\w)\}")


@dataclass(frozen=True)
class Entry:
    """A paper: its key, its title, and its entry in the file."""

    key: str
    title: str
    text: str
    surname: str
    year: str
    arxiv: str


@cache
def papers() -> tuple[Entry, ...]:
    """The entries of papers.bib."""
    found = []
    for match in _ENTRY.finditer(PAPERS.read_text(encoding="utf-8")):
        fields = dict(_FIELD.findall(match[2]))
        surname = _ACCENT.sub(r"\1", fields["author"].partition(",")[0]).strip("{}")
        title = fields.get("title", "").strip("{}")
        found.append(Entry(match[1], title, match[0], surname, fields.get("year", ""), fields.get("eprint", "")))
    return tuple(found)


@cache
def cited(source: str) -> tuple[str, ...]:
    """The keys of the papers that a source names.

    They are found by arXiv number; for a part, up to a semicolon, without one, by the first author's surname and the
    year.
    """
    keys: dict[str, None] = {}
    for part in source.split(";"):
        numbers = _ARXIV.findall(part)
        for entry in papers():
            named = rf"\b{re.escape(entry.surname)}\b.*?\b{entry.year}\b"
            if entry.arxiv in numbers if numbers else re.search(named, part):
                keys[entry.key] = None
    return tuple(keys)


def bibtex(sources: Iterable[tuple[str, str]]) -> str:
    """A BibTeX file from pairs (use, source).

    Entries are in order of their keys, each below its use. A source without an entry is kept as a comment if it names a
    year, as papers do.
    """
    uses: dict[str, dict[str, None]] = {}
    without: dict[str, None] = {}
    for what, source in sources:
        for key in cited(source):
            uses.setdefault(key, {})[what] = None
        if not cited(source) and _YEAR.search(source):
            without[f"{what}: {source}"] = None
    entries = {entry.key: entry.text for entry in papers()}
    blocks = [f"{_comment(', '.join(uses[key]))}\n{entries[key]}" for key in sorted(uses)]
    if without:
        blocks.append("\n".join(["moe-lab has no entries for:", *map(_comment, without)]) + "\n")
    return "\n".join(blocks)


def _comment(text: str) -> str:
    """A comment: BibTeX skips lines outside entries without an at sign."""
    return one_line(text).replace("@", " at ")
