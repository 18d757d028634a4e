"""Pydantic's sentences in the words of the other messages."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moe_lab.config.wishes import wish


class Inner(BaseModel):
    pass


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    whole: int = 1
    number: float = 1.0
    text: str = ""
    yes: bool = True
    names: list[str] = []
    pair: tuple[int, int] = (0, 0)
    inner: Inner = Inner()
    mapping: dict[str, int] = {}
    few: Annotated[list[int], Field(min_length=1)] = [1]
    kind: Literal["a", "b", "c"] = "a"
    low: Annotated[float, Field(gt=0)] = 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"whole": "eight"}, "must be an integer"),
        ({"whole": 1.5}, "must be an integer"),
        ({"number": "x"}, "must be a number"),
        ({"text": 3}, "must be text"),
        ({"yes": "maybe"}, "must be true or false"),
        ({"names": "x"}, "must be a list"),
        ({"pair": 3}, "must be a list"),
        ({"inner": 3}, "must be a mapping"),
        ({"mapping": 3}, "must be a mapping"),
        ({"few": []}, "must have at least 1 item"),
        ({"kind": "d"}, "must be 'a', 'b' or 'c'"),
        ({"low": 0}, "must be greater than 0"),
        ({"other": 0}, "there is no such key"),
    ],
)
def test_in_words(options, said):
    with pytest.raises(ValidationError) as caught:
        Model(**options)
    assert wish(caught.value.errors()[0]["msg"]) == said


def test_a_reason_of_ones_own_has_no_prefix():
    assert wish("Value error, 'd' is not one of 'a', 'b'.") == "must be one of 'a', 'b'"
    assert wish("Value error, Too late") == "too late"
    assert wish("Field required") == "must be given"
