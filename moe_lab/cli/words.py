"""Arguments and options that several commands take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from moe_lab.cli.completion import complete_word

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Choices and values, such as gate=attentive k=2 trainer.epochs=20.",
        autocompletion=complete_word,
    ),
]


def named(text: str) -> Path:
    """The path that was typed. Nothing at all, as a shell leaves of a variable that is not set, is no path."""
    if not text:
        raise typer.BadParameter("expected a path, found an empty text; the folder you are in is .")
    return Path(text)


RunsFolder = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where run folders are.", parser=named)]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir", metavar="DIR", help="A folder of your own options, laid out like conf/.", parser=named
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE.py", help="A file of your own parts; may be given several times.", parser=named
    ),
]
RUNS = Path("runs")


class Format(StrEnum):
    """How a listing is printed."""

    table = "table"
    csv = "csv"
    json = "json"
    md = "md"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How the listing is printed.")]


def load_plugins(paths: list[Path] | None) -> list[str]:
    """Import the given files; their module names, which a config may then name."""
    from moe_lab.config.plugins import load_plugin

    return [load_plugin(path).__name__ for path in paths or []]
