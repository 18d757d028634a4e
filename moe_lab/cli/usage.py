"""The line about a command that Typer cannot read: a misspelt option, a missing argument, a value of another type."""

from collections.abc import Iterator, Sequence
from typing import Any

from moe_lab.config.wishes import wish
from moe_lab.errors import cut


def line(error: Any, commands: Any, words: Sequence[str]) -> str:
    """What is wrong, and the command whose help lists what there is. Empty if Typer has printed a help already, as it
    does without arguments.

    error: Typer's exception. commands: its group of all commands. words: the arguments of the command line.
    """
    said = _of_value(error) or error.format_message()
    return f"{said} (see {' '.join(['moe-lab', *_named(commands, words)])} --help)" if said else ""


def _named(commands: Any, words: Sequence[str]) -> Iterator[str]:
    """The names of the command, and of one below it, with which a command line begins."""
    for word in words:
        commands = getattr(commands, "commands", {}).get(word)
        if commands is None:
            return
        yield word


def _of_value(error: Any) -> str:
    """``--experts acht: must be an integer``; empty for what is not about the value of an option."""
    wrong = error.__cause__
    options = [one for one in getattr(getattr(error, "param", None), "opts", ()) if one.startswith("-")]
    if not options or not hasattr(wrong, "errors"):
        return ""
    # pydantic's error, which knows the value
    first = wrong.errors()[0]
    return f"{max(options, key=len)} {cut(str(first['input']))}: {wish(first['msg'])}"
