"""What the messages of wrong words and configs share: one line each, the value that was given, did-you-mean."""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_READS_OTHERWISE = re.compile(r"[-+]?\.?\d[-+.\de]*|true|false|null", re.IGNORECASE)


def near(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that ``name`` was probably meant to be: by spelling, or by the last part of a dotted key."""
    names = sorted(set(names))
    tails = {candidate.rpartition(".")[2]: candidate for candidate in reversed(names)}
    tail = name.rpartition(".")[2]
    if tail in tails and tail != name:
        siblings = [candidate for candidate in names if candidate.rpartition(".")[2] == tail]
        return get_close_matches(name, siblings, n=1, cutoff=0)[0]
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


def shown(value: Any) -> str:
    """A value as it is written in a word, on one line and cut to 60 characters; text that reads as a number quoted."""
    bare = isinstance(value, str) and not _READS_OTHERWISE.fullmatch(value)
    text = one_line(value if bare else json.dumps(value, default=str))
    return text if len(text) <= 60 else text[:57] + "..."


def one_line(text: str) -> str:
    return " ".join(text.split())


def joined(where: str, key: str) -> str:
    """A dotted key below ``where``, which is empty at the root."""
    return f"{where}.{key}" if where else key
