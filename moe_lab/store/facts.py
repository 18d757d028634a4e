"""The record of status.json, which is checked when it is read, and what plan.json has in common with it.

Only what reads one imports this: it needs pydantic, which the engine does without.
"""

from datetime import datetime
from typing import Annotated, Any, Required, TypeVar

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from moe_lab.store.status import Kind, State, is_number
from moe_lab.store.untrusted import Unusable

T = TypeVar("T")
#: an option of a group, or those of a group that takes several
Option = str | list[str]
#: keys that were given as null or auto and have been filled in; its first name was another
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
    """What its folder and the plan of its sweep keep of a job. Earlier versions wrote fewer of these."""

    key: str
    choices: dict[str, Option]
    differs: dict[str, Any]
    auto_filled: AutoFilled


class Facts(JobFacts, total=False):
    """What status.json has besides the status. None: not yet, or not known. Without a kind it is a mixture's."""

    kind: Kind
    pid: int | None
    host: str | None
    process_start: int | None
    started_at: Moment | None
    updated_at: Moment | None
    ended_at: Moment | None
    error: str | None
    headline: dict[str, Number]
    checksums: dict[str, str]


@with_config(ConfigDict(extra="allow", strict=True))
class Status(Facts):
    """A run's status.json. Keys that a later version has added stay as they are."""

    status: Required[State]


_STATUS = TypeAdapter(Status)


def read_status(value: Any) -> Status:
    """Raises Unusable."""
    return checked(_STATUS, value, "status of a run", levels=1)


def checked(record: TypeAdapter[T], value: Any, what: str, levels: int) -> T:
    """The value as ``record`` has it. Raises Unusable, which says where it is wrong, as far down as so many levels."""
    try:
        return record.validate_python(value)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"][:levels]))
        raise Unusable(f"is no {what}{f': see its {place}' if place else ''}") from None
