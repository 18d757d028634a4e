"""Filtering and sorting runs by their status.json alone; no other file of a run is read."""

import json
import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from moe_lab.config.outline import outline
from moe_lab.errors import ConfigError, did_you_mean

Row = dict[str, Any]
#: comparison signs and their operators
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_SIGN = re.compile(r"(!=|<=|>=|=|<|>)")
#: keys of a row besides its choices and metrics
OWN = ("run", "status", "kind")


def chosen(rows: Sequence[Row], words: Sequence[str]) -> list[Row]:
    """The rows (``run``, ``status``, ``kind``, ``choices``, ``options`` and metrics) that pass every filter.

    ``KEY=VALUE,VALUE...``: one of the values is the row's status, its option of a group, one of its options of a group
    that takes several, or its value of a key (the default, if the key was not chosen). ``KEY!=VALUE,...``: none of them
    is. ``KEY<NUMBER``, and so on: the row has a number for the key, and it is less. Raises ConfigError if no run has
    the key, or if the value to compare with is not a number.
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
    """Whether an argument is a filter."""
    return _SIGN.search(word) is not None


def _parts(word: str) -> tuple[str, str, str]:
    """Key, sign and value of a filter."""
    key, sign, wanted = _SIGN.split(word, 1)
    return key, sign, wanted


def _equality(key: str, sign: str, wanted: str) -> Callable[[Row], bool]:
    values = wanted.split(",") if not wanted.startswith("[") else [wanted]
    return lambda row: any(value in _texts(row, key) for value in values) == (sign == "=")


def _comparison(word: str, key: str, sign: str, wanted: str) -> Callable[[Row], bool]:
    """The test for one filter. Numbers are compared as numbers, times as their ISO 8601 texts."""
    compare, end = ORDER[sign], _number(wanted)
    if end is None and key != "started_at":
        raise ConfigError(f"{word}: {wanted or 'nothing'} is not a number; compare a text with = or !=")

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
    """The rows sorted by a key, smallest first, or largest first with ``-KEY``; rows without a value come last. Raises
    ConfigError if no row has the key.
    """
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
    """The texts that match a row's value of a key in a filter."""
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
    """Default values of a config with these options, as far as moe-lab's own files state them."""
    words = [f"{group}={_text(option)}" for group, option in json.loads(options).items()]
    return {key: value for key, (value, _) in outline(words).defaults.items()}
