"""Choosing and ordering runs by what status.json says of them, without reading anything else of their folders."""

import json
import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from moe_lab.config.outline import outline
from moe_lab.errors import ConfigError, did_you_mean

Row = dict[str, Any]
#: the signs that order, and how
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_SIGN = re.compile(r"(!=|<=|>=|=|<|>)")
#: what a row has besides its choices and metrics
OWN = ("run", "status", "kind")


def chosen(rows: Sequence[Row], words: Sequence[str]) -> list[Row]:
    """The rows (``run``, ``status``, ``kind``, ``choices``, ``options`` and metrics) for which every word holds.

    ``KEY=VALUE,VALUE...``: one of the values is the row's status, its option of a group, one of its options of a group
    that takes several, or its value of a key; that of a key which was not chosen is its default. ``KEY!=VALUE,...``:
    none of them is. ``KEY<NUMBER``, and so on: the row has the number, and it is less. Raises ConfigError for a key
    that no run has, and for a comparison with what is no number.
    """
    kept = list(rows)
    for word in words:
        key, sign, wanted = _parts(word)
        if rows and not any(_has(row, key) for row in rows):
            known = {*OWN, *(one for row in rows for one in (*row, *row["options"], *_defaults(row)))}
            raise ConfigError(f"{word}: no run has the key '{key}'.{did_you_mean(key, known - {'options', 'choices'})}")
        holds = _comparison(word, key, sign, wanted) if sign in ORDER else _equality(key, sign, wanted)
        kept = [row for row in kept if holds(row)]
    return kept


def is_filter(word: str) -> bool:
    """Whether a word compares something."""
    return _SIGN.search(word) is not None


def _parts(word: str) -> tuple[str, str, str]:
    """Key, sign and value of a word that ``is_filter``."""
    key, sign, wanted = _SIGN.split(word, 1)
    return key, sign, wanted


def _equality(key: str, sign: str, wanted: str) -> Callable[[Row], bool]:
    values = wanted.split(",") if not wanted.startswith("[") else [wanted]
    return lambda row: any(value in _texts(row, key) for value in values) == (sign == "=")


def _comparison(word: str, key: str, sign: str, wanted: str) -> Callable[[Row], bool]:
    """Numbers as such; moments, which are the texts of ISO 8601, as texts."""
    compare, end = ORDER[sign], _number(wanted)
    if end is None and key != "started_at":
        raise ConfigError(f"{word}: {wanted or 'nothing'} is no number; a text is compared by = or !=")

    def holds(row: Row) -> bool:
        value = _value(row, key)
        if key == "started_at":
            return value is not None and compare(value, wanted)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and compare(value, end)

    return holds


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def ordered(rows: Sequence[Row], key: str) -> list[Row]:
    """The rows from the smallest value of a key to the largest, with ``-KEY`` the other way round; those that have
    none come last. Raises ConfigError for a key that no row has."""
    name, descending = key.removeprefix("-"), key.startswith("-")
    values = {id(row): _value(row, name) for row in rows}
    with_value = [row for row in rows if values[id(row)] is not None]
    if rows and not with_value:
        known = {one for row in rows for one in (*row, *row["choices"])} - {"options", "choices"}
        raise ConfigError(f"--sort {key}: no run has it.{did_you_mean(name, known)}")
    numeric = all(isinstance(values[id(row)], int | float) for row in with_value)
    with_value.sort(key=lambda row: values[id(row)] if numeric else _text(values[id(row)]), reverse=descending)
    return with_value + [row for row in rows if values[id(row)] is None]


def _has(row: Row, key: str) -> bool:
    return key in (*OWN, *row, *row["choices"], *row["options"]) or key in _defaults(row)


def _value(row: Row, key: str) -> Any:
    for place in (row, row["choices"], row["options"]):
        if key in place:
            return place[key]
    return _defaults(row).get(key)


def _texts(row: Row, key: str) -> list[str]:
    """The ways in which a row's value of a key can be asked for."""
    value = row["options"].get(key, _value(row, key)) if key not in row else row[key]
    if isinstance(value, list):
        return [_text(value), *map(_text, value)]
    return [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _defaults(row: Row) -> dict[str, Any]:
    return _defaults_of(json.dumps(row["options"], sort_keys=True))


@lru_cache(maxsize=256)
def _defaults_of(options: str) -> dict[str, Any]:
    """The values of a config by these options, as far as moe-lab's own files tell."""
    words = [f"{group}={_text(option)}" for group, option in json.loads(options).items()]
    return {key: value for key, (value, _) in outline(words).defaults.items()}
