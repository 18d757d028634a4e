"""Pydantic's sentences about wrong values in the words of every other message: ``must be an integer``."""

import re

from moe_lab.errors import one_line

_KINDS = {
    "a valid boolean": "true or false",
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid array": "a list",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "an object": "a mapping",
    "a valid dictionary": "a mapping",
}
_SENTENCES = {"Field required": "must be given", "Extra inputs are not permitted": "there is no such key"}
#: why a text is no number, and the class that a mapping is read as
_DETAILS = re.compile(r",? (unable to|got a number|or instance of|or an instance of).*")
_COUNT = re.compile(r"should have (at (?:least|most) \d+ items?)")
_CHOICES = re.compile(r".* is not one of (.*?)\.?")


def wish(message: str) -> str:
    """What a value must be, from pydantic's or Typer's sentence about it."""
    text = one_line(message).removeprefix("Value error, ")
    if found := _COUNT.search(text):
        return f"must have {found[1]}"
    if found := _CHOICES.fullmatch(text):
        return f"must be one of {found[1]}"
    kind = _DETAILS.sub("", text.removeprefix("Input should be "))
    if text.startswith("Input should be "):
        return f"must be {_KINDS.get(kind, kind)}"
    return _SENTENCES.get(text) or text[:1].lower() + text[1:]
