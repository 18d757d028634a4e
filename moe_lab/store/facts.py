"""The type of status.json, checked whenever the file is read, and the fields that plan.json shares with it.

Only readers of these files import this module: it needs pydantic, which the engine does not need.
"""

from datetime import datetime
from typing import Annotated, Any, Required, TypeVar

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from moe_lab.store.status import Kind, State, is_number
from moe_lab.store.untrusted import Unusable

T = TypeVar("T")
#: the chosen option of a group, or the list of them if the group takes several
Option = str | list[str]
#: keys that were given as null or auto and filled in later; earlier versions used another name
AutoFilled = Annotated[list[str], Field(validation_alias=AliasChoices("auto_filled", "left_open"))]


def _number(value: Any) -> Any:
    if not is_number(value):
        raise ValueError("no number that a run can have measured")
    return value


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Number = Annotated[Any, AfterValidator(_number)]
Moment = Annotated[str, AfterValidator(_moment)]


class JobFacts(TypedDict, total=False):
    """The facts of a job that are stored in its folder and in its sweep's plan. Earlier versions stored fewer."""

    key: str
    choices: dict[str, Option]
    differs: dict[str, Any]
    auto_filled: AutoFilled


class Facts(JobFacts, total=False):
    """The fields of status.json besides the status. None: not yet set or not known. A missing kind means a mixture."""

    kind: Kind
    pid: int | None
    host: str | None
    process_start: int | None
    started_at: Moment | None
    updated_at: Moment | None
    ended_at: Moment | None
    error: str | None
    #: of a run on several processes how many, each time that it went on
    processes: list[int]
    headline: dict[str, Number]
    checksums: dict[str, str]


@with_config(ConfigDict(extra="allow", strict=True))
class Status(Facts):
    """A run's status.json. Keys that a later version added are kept unchanged."""

    status: Required[State]


_STATUS = TypeAdapter(Status)


def read_status(value: Any) -> Status:
    """Check the value of a status.json. Raises Unusable if it is not one."""
    return checked(_STATUS, value, "status of a run", levels=1)


def checked(record: TypeAdapter[T], value: Any, what: str, levels: int) -> T:
    """The value, checked against ``record``. Raises Unusable, which says where it is wrong, at most ``levels`` levels
    deep."""
    try:
        return record.validate_python(value)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"][:levels]))
        raise Unusable(f"is no {what}{f': see its {place}' if place else ''}") from None
