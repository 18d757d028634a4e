"""The signature of a part as its schema: keyword-only arguments are options, with their types and ranges."""

import inspect
import json
from collections.abc import Collection, Iterator
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from moe_lab.config.ranges import Range
from moe_lab.config.wishes import wish
from moe_lab.errors import ConfigError, joined, near, one_line, shown, there_are

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_PLAIN = (bool, int, float, str, NoneType)
_FIELD = "option_"


@cache
def hints(cls: type) -> dict[str, Any]:
    """Option -> type hint, for every keyword-only argument of the class."""
    known = get_type_hints(inspect.getattr_static(cls, "__init__"), include_extras=True)
    return {one.name: known.get(one.name) for one in _options(cls)}


def typed(cls: type, options: dict[str, Any], where: str) -> dict[str, Any]:
    """The given options, converted to the types of the signature (lists to tuples, whole numbers to floats); nested
    parts are unchanged.

    Raises ConfigError for the first option that is unknown, missing, of another type or out of range.
    """
    from pydantic import ValidationError

    try:
        checked = _model(cls).model_validate_json(json.dumps(options))
    except ValidationError as error:
        raise ConfigError(_message(error, hints(cls), options, where)) from None
    return {name: getattr(checked, f"{_FIELD}{name}") for name in options}


def nested(hint: Any, value: Any, where: str) -> Iterator[tuple[str, type, Any]]:
    """(dotted key, role, node) of every part in ``value``; the role comes from the type hint."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal or (value is None and NoneType in arguments):
        return
    if origin is Annotated:
        yield from nested(arguments[0], value, where)
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from nested(argument, value, where)
    elif origin is dict:
        for key, item in value.items():
            yield from nested(arguments[1], item, joined(where, key))
    elif origin in (list, tuple):
        for index, item in enumerate(value):
            yield from nested(arguments[0], item, joined(where, str(index)))
    elif hint not in _PLAIN:
        yield where, hint, value


@cache
def _model(cls: type) -> "type[BaseModel]":
    """The pydantic model of a class's options.

    It is strict, but in JSON mode, so that a list is accepted for a tuple. Infinities and NaN are refused. Its fields
    have names of their own, because an option may have the name of a model's method, such as ``copy``.
    """
    from pydantic import ConfigDict, Field, create_model

    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    required = _required(cls)
    fields: dict[str, Any] = {
        f"{_FIELD}{name}": (_schema(hint, cls, name), Field(... if name in required else None, alias=name))
        for name, hint in hints(cls).items()
    }
    return create_model(cls.__name__, __config__=config, **fields)


def _required(cls: type) -> set[str]:
    return {one.name for one in _options(cls) if one.default is one.empty}


def _options(cls: type) -> list[inspect.Parameter]:
    parameters = inspect.signature(inspect.getattr_static(cls, "__init__")).parameters.values()
    return [one for one in parameters if one.kind is one.KEYWORD_ONLY]


def _schema(hint: Any, cls: type, name: str) -> Any:
    """The hint converted for pydantic: a Range becomes bounds, a role accepts anything (check.py checks it)."""
    from pydantic import Field

    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN or origin is Literal or hint is ...:
        return hint
    if origin is Annotated:
        ranges = [note for note in arguments[1:] if isinstance(note, Range)]
        bounds = [Field(gt=one.gt, ge=one.ge, lt=one.lt, le=one.le, min_length=one.min_length) for one in ranges]
        return Annotated[(_schema(arguments[0], cls, name), *bounds)] if bounds else _schema(arguments[0], cls, name)
    if origin in (Union, UnionType):
        return Union[tuple(_schema(argument, cls, name) for argument in arguments)]
    if origin in (list, dict, tuple):
        return origin[tuple(_schema(argument, cls, name) for argument in arguments)]
    if inspect.isclass(hint) and hint not in (list, dict, tuple, object):
        return Any
    raise ConfigError(f"{cls.__module__}.{cls.__name__}: the type of option '{name}' cannot be checked: {hint}")


def _message(error: "ValidationError", known: Collection[str], options: dict[str, Any], where: str) -> str:
    """One line about the first wrong option, in the order of the config, with unknown options first."""
    errors = error.errors(include_url=False)
    if not errors[0]["loc"]:
        return f"{where or 'config'}: {one_line(errors[0]['msg'])}"
    place = {name: number for number, name in enumerate(options)}
    first = min(errors, key=lambda one: (one["type"] != "extra_forbidden", place.get(str(one["loc"][0]), -1)))
    name = str(first["loc"][0])
    key = joined(where, name)
    if first["type"] == "extra_forbidden":
        found = near(name, known)
        hint = f" Did you mean {joined(where, found)}?" if found else there_are(known)
        return f"no such key '{key}'.{hint}"
    if first["type"] == "missing" and name not in options:
        return f"{key} must be given"
    wishes = dict.fromkeys(
        "lacks an item" if one["type"] == "missing" else wish(one["msg"]) for one in errors if one["loc"][0] == name
    )
    return f"{key}={shown(options[name])}: {' or '.join(wishes)}{_as_text(key, options[name], wishes)}"


def _as_text(key: str, value: Any, wishes: Collection[str]) -> str:
    """How to write a text that was read as a number. The spelling of a number with a fraction is not known any more."""
    if "must be text" not in wishes or not isinstance(value, bool | int | float):
        return ""
    text = "..." if isinstance(value, float) else json.dumps(value)
    return f"; to mean the text, quote it: '{key}=\"{text}\"'"
