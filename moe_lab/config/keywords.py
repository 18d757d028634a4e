"""Converting Python keyword arguments to overrides."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from moe_lab.config.quoting import quoted


def as_words(words: Iterable[str], keywords: Mapping[str, Any]) -> list[str]:
    """The given overrides, followed by an override for each keyword: ``["k=2"], {"trainer": {"lr": 0.1}}`` gives k=2
    trainer.lr=0.1.

    A string is the text after the ``=``. True, False, None, numbers, paths and lists are converted. A mapping contains
    the keys below its own key. A tuple or a range means several values, for a sweep.
    """
    return [*words, *_words("", keywords)]


def _words(above: str, keywords: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for key, value in keywords.items():
        found += _words(f"{above}{key}.", value) if isinstance(value, Mapping) else [f"{above}{key}={_typed(value)}"]
    return found


def _typed(value: Any) -> str:
    """A value as it is typed after ``=``."""
    match value:
        case tuple() | range():
            return ",".join(map(_typed, value))
        case list():
            return "[" + ",".join(map(_typed, value)) + "]"
        case None:
            return "null"
        case PurePath():
            return quoted(str(value))
        case _ if hasattr(value, "tolist"):
            # a NumPy number or array
            return _typed(value.tolist())
        case bool():
            return str(value).lower()
        case _:
            return str(value)
