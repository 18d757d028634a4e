"""Quotes that Hydra's grammar and a shell need around texts, names and items of lists."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator

from moe_lab.errors import cut

#: most characters of an override that is shown with its quotes
LONGEST_SHOWN = 300
#: texts that a list of names may hold without quotes
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NO_TEXT = ("true", "false", "null", "nan", "inf")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
#: whether Hydra's grammar reads a value
Reads = Callable[[str], bool]


def quoted(text: str) -> str:
    """The text in double quotes, as Hydra's grammar takes it."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(QuotedString(text, Quote.double).with_quotes())


def listed(names: Iterable[str]) -> str:
    """Names as the value of an option that takes a list; those that would be read otherwise are quoted."""
    return f"[{','.join(name if _is_bare(name) else quoted(name) for name in names)}]"


def _is_bare(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name.lower() not in _NO_TEXT


def for_shell(key: str, value: str) -> str:
    """An override with the quotes that a shell needs; a value of many characters is left out."""
    if len(value) > LONGEST_SHOWN:
        return f"'{cut(key)}={value[0]}...{value[-1]}'"
    return shlex.quote(f"{key}={value}")


def mended(key: str, value: str, *, several: bool) -> str | None:
    """The value with quotes around what the grammar does not read: in a list or a mapping around its items, else around
    all of it; with ``several`` values, as in a sweep, around each of them. None if it is still not read.
    """

    def reads(one: str) -> bool:
        return _reads(f"{key}={one}")

    whole = _items(value, reads) if several or value[:1] in ("[", "{") else _mended(value, reads)
    return whole if reads(whole) else None


def _reads(text: str) -> bool:
    """Whether Hydra's grammar reads an override."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        [override] = OverridesParser.create().parse_overrides([text])
        override.value()
    except Exception:
        # Hydra's and OmegaConf's own exceptions, and others that their parsers raise
        return False
    return True


def is_closed(value: str) -> bool:
    """Whether every bracket outside quotes is closed."""
    *_, (_, depth) = [(0, 0), *_scanned(f"{value} ")]
    return depth <= 0


def _mended(item: str, reads: Reads) -> str:
    def reads_inside(one: str) -> bool:
        return reads(f"[{one}]")

    if item[:1] == "[" and item[-1:] == "]":
        return f"[{_items(item[1:-1], reads_inside)}]"
    if item[:1] == "{" and item[-1:] == "}":
        return f"{{{','.join(_pair(one, reads_inside) for one in _split(item[1:-1]))}}}"
    return item if reads(item) else quoted(item)


def _items(text: str, reads: Reads) -> str:
    return ",".join(_mended(item, reads) for item in _split(text))


def _pair(text: str, reads: Reads) -> str:
    key, colon, value = text.partition(":")
    return f"{key}{colon}{_mended(value.strip(), reads)}"


def _split(text: str) -> list[str]:
    """The parts between the commas that are outside brackets and quotes, without blanks around them."""
    cuts = [-1, *(place for place, depth in _scanned(text) if text[place] == "," and depth == 0), len(text)]
    return [text[start + 1 : end].strip() for start, end in zip(cuts, cuts[1:], strict=False)] if text.strip() else []


def _scanned(text: str) -> Iterator[tuple[int, int]]:
    """(place, how many brackets are open) of every character outside quotes, which begin an item and end it."""
    depth, quote, begins = 0, "", True
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[place - 1] != "\\" else quote
            continue
        if character in "'\"" and begins:
            quote = character
            continue
        depth += (character in _CLOSING) - (character in _CLOSING.values())
        begins = character in ",:" or character in _CLOSING or (begins and character == " ")
        yield place, depth
