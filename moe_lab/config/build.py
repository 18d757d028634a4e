"""Building the object that a checked node describes."""

import traceback
from pathlib import Path
from typing import Any

from moe_lab.config.plugins import loaded_plugins
from moe_lab.config.signatures import typed
from moe_lab.config.targets import find_class
from moe_lab.errors import ConfigError, UserError, one_line


def build(node: dict[str, Any], *positional: Any) -> Any:
    """``cls(*positional, **options)`` of the class that ``node`` names; parts in it are built first, in the same way.

    Classes come from the part packages and from the plug-in files that this process has loaded.
    Raises ConfigError if an option does not fit the signature.
    """
    return _build(node, positional, "")


def class_of(node: dict[str, Any]) -> type[Any]:
    """The class that a checked node names."""
    return find_class(node["_target_"], "", loaded_plugins())


def _made(cls: type, positional: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The built object. A part of moe-lab raises only what its docstring states; any exception of a user's own part
    becomes a ConfigError."""
    try:
        return cls(*positional, **options)
    except Exception as error:
        if isinstance(error, UserError) or cls.__module__ not in loaded_plugins():
            raise
        line = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(line.filename).name}, line {line.lineno}"
        raise ConfigError(
            f"{cls.__module__}.{cls.__name__} cannot be made ({where}): {type(error).__name__}: {one_line(str(error))}"
        ) from error


def _build(value: Any, positional: tuple[Any, ...], where: str) -> Any:
    if isinstance(value, dict):
        if "_target_" not in value:
            return {key: _build(item, positional, where) for key, item in value.items()}
        cls = find_class(value["_target_"], where, loaded_plugins())
        options = typed(cls, {key: item for key, item in value.items() if key != "_target_"}, cls.__name__)
        return _made(cls, positional, {name: _build(item, positional, name) for name, item in options.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(_build(item, positional, where) for item in value)
    return value
