"""Errors that a user can mend: one clear line, which the command line prints before it exits with code 2."""

import json
import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, TypeVar


class UserError(Exception):
    """A command, config, file or folder that is wrong. The text says what is wrong and what to do, in one line."""


class ConfigError(UserError):
    """An override or a stored config that cannot be used."""


class TaskError(ConfigError):
    """A part for classification is used on a regression data set, or the other way round."""


class DataError(UserError):
    """A data file that is missing, truncated or not what it should be."""


class RunError(UserError):
    """A path that is not the run folder it should be."""


#: what other tools call a key -> what its last part is called here
_ELSEWHERE = {"learning_rate": "lr", "num_experts": "count", "n_experts": "count", "e": "count"}
#: least likeness to a key of the same parent, of which there are few; among all keys it is difflib's 0.6
_LIKE_A_SIBLING = 0.5
_READS_OTHERWISE = re.compile(r"[-+]?\.?\d[-+.\de]*|true|false|null", re.IGNORECASE)


def near(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that was probably meant: by spelling, ignoring case, or by the last part of a dotted key,
    whose siblings come first."""
    names = sorted(set(names))
    for candidate in names:
        if candidate.casefold() == name.casefold() and candidate != name:
            return candidate
    tails = {candidate.rpartition(".")[2]: candidate for candidate in reversed(names)}
    tail = name.rpartition(".")[2]
    tail = _ELSEWHERE.get(tail, tail) if tail not in tails else tail
    if tail in tails and tail != name:
        siblings = [candidate for candidate in names if candidate.rpartition(".")[2] == tail]
        return get_close_matches(name, siblings, n=1, cutoff=0)[0]
    parent = name.rpartition(".")[0]
    beside = {one.rpartition(".")[2]: one for one in names if parent and one.rpartition(".")[0] == parent}
    if close_beside := get_close_matches(tail, beside, n=1, cutoff=_LIKE_A_SIBLING):
        return beside[close_beside[0]]
    for close in get_close_matches(name, names, n=10):
        if name.startswith(f"{close}.") or get_close_matches(tail, [close.rpartition(".")[2]]):
            return close
    close_tails = get_close_matches(tail, tails, n=1) if tail == name else []
    return tails[close_tails[0]] if close_tails else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`` Did you mean X?`` or nothing; to be appended to a sentence."""
    found = near(name, names)
    return f" Did you mean {found}?" if found else ""


def there_are(names: Iterable[str]) -> str:
    """`` There are: a, b``; to be appended to a sentence."""
    return f" There are: {', '.join(sorted(names)) or 'none'}"


def number_of(number: int, noun: str) -> str:
    """``1 document``, ``1,800 rows``: a number and its noun, whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def fault_of(error: json.JSONDecodeError) -> str:
    """What is wrong in a JSON text, and where; of one that ends within a value, that it may be cut short."""
    text = error.doc.rstrip()
    at = f"line {error.lineno}, character {error.colno}" if "\n" in text else f"character {error.colno}"
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return f"it ends within a value, which begins or goes on at {at}; was the file cut short?"
    return f"{error.msg} at {at}"


def shown(value: Any) -> str:
    """A value as it is written in an override, on one line and cut to 60 characters; text that reads as a number is
    quoted.
    """
    bare = isinstance(value, str) and not _READS_OTHERWISE.fullmatch(value)
    return cut(value if bare else json.dumps(value, default=str, ensure_ascii=False))


def cut(text: str, length: int = 60) -> str:
    """A text on one line, of at most so many characters."""
    text = one_line(text)
    return text if len(text) <= length else text[: length - 3] + "..."


def one_line(text: str) -> str:
    """The text without line breaks; characters that would control a terminal are escaped."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Escape every character that would control a terminal or be invisible, except line breaks, as (``\\x1b``)."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if _is_seen(one) else _escaped(one) for one in text)


def _is_seen(character: str) -> bool:
    """Whether a character is visible, a line break, or a blank of any width."""
    return character.isprintable() or character == "\n" or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def joined(where: str, key: str) -> str:
    """A dotted key below ``where``, which is empty at the root."""
    return f"{where}.{key}" if where else key


T = TypeVar("T")


def given(value: T | None, what: str) -> T:
    """Unwrap a value that the part declared it needs (moe_lab/parts/checks.py refuses configs without it). Raises
    TypeError if it is None, as in parts assembled by hand.
    """
    if value is None:
        raise TypeError(f"{what} is read here, and is not there")
    return value


def expect(kind: type[T], value: object) -> T:
    """Unwrap a value that must be of one kind, such as the output for classes. Raises TypeError if it is of another."""
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} is read here, and this is a {type(value).__name__}")
    return value


class RankLost(Exception):
    """One of the processes that train a run has ended or does not answer. The text says which."""


class Diverged(Exception):
    """The loss is NaN or infinite. The text says when."""
