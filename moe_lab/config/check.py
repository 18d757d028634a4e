"""Checking a plain config against the signatures of the classes that it names, without building any of them.

This is safe for any plain dict, also for the config of a stranger's run folder: only classes of the allow-list are
used.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from moe_lab.config.signatures import hints, nested, typed
from moe_lab.config.targets import find_class
from moe_lab.errors import ConfigError, joined, shown

#: limits far above any config, against files made to exhaust memory
_MOST_VALUES = 10_000
_MOST_DEEP = 20


def check(config: dict[str, Any], root: type, plugins: Sequence[str] = ()) -> None:
    """Raise ConfigError, one line, for the first thing in ``config`` that cannot be built as a ``root``.

    root:    a class whose keyword-only arguments are the config's top keys.
    plugins: names of plug-in modules whose classes may be named, besides those of moe_lab's part packages.
    """
    parts = _plain(config)
    parts -= _check_node(config, root, "", plugins)
    for where in sorted(parts):
        raise ConfigError(f"{joined(where, '_target_')}: no part belongs here")


def _check_node(options: dict[str, Any], cls: type, where: str, plugins: Sequence[str]) -> set[str]:
    """Check a node and the parts in it. Returns the dotted keys of those parts."""
    typed(cls, options, where)
    seen = set()
    for name, value in options.items():
        for place, role, node in nested(hints(cls)[name], value, joined(where, name)):
            if not isinstance(node, dict) or "_target_" not in node:
                raise ConfigError(f"{place}={shown(node)}: must be a part, a mapping with a _target_")
            found = find_class(node["_target_"], place, plugins, role)
            inner = {key: value for key, value in node.items() if key != "_target_"}
            seen |= {place} | _check_node(inner, found, place, plugins)
    return seen


def _plain(config: Any) -> set[str]:
    """Refuse values that are not plain and finite. Returns the dotted keys of all nodes with a ``_target_``."""
    parts = set()
    waiting = [("", config, 0)]
    for where, value, depth in waiting:
        if len(waiting) > _MOST_VALUES or depth > _MOST_DEEP:
            raise ConfigError(f"{shown(where)}: the config is too large or too deep to be one")
        if isinstance(value, dict):
            if wrong := [key for key in value if not isinstance(key, str)]:
                advice = "YAML reads on, off, yes, no and numbers so: quote the key"
                raise ConfigError(f"{where or 'config'}: the key {shown(wrong[0])} must be text ({advice})")
            if "_target_" in value:
                parts.add(where)
            waiting += [(joined(where, key), item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(joined(where, str(index)), item, depth + 1) for index, item in enumerate(value)]
        else:
            _check_value(value, where)
    return parts


def _check_value(value: Any, where: str) -> None:
    if not isinstance(value, (str, int, float, bool, type(None))):
        raise ConfigError(f"{where}: must be a plain value, not a {type(value).__name__}")
    if isinstance(value, float) and not isfinite(value):
        raise ConfigError(f"{where}={value}: must be a finite number")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ConfigError(f"{where}: the number is too large")
    if isinstance(value, str) and "${" in value:
        raise ConfigError(f"{where}={shown(value)}: must be a value, not a reference to one")
