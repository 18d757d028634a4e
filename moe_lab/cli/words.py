"""Arguments and options that several commands take."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from moe_lab.cli.completion import complete_word

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Overrides of the defaults, such as gate=attentive k=2 trainer.epochs=20.",
        autocompletion=complete_word,
    ),
]


def named(text: str) -> Path:
    """The typed path. Raises for an empty text, which a shell passes for a variable that is not set."""
    if not text:
        raise typer.BadParameter("found an empty text, expected a path; for the current folder write .")
    return Path(text)


RunsFolder = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the runs.", parser=named)]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir", metavar="DIR", help="A folder with your own options, laid out like conf/.", parser=named
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE.py", help="A Python file with your own parts; may be repeated.", parser=named
    ),
]


def load_plugins(paths: list[Path] | None) -> list[str]:
    """Import the given files and return their module names, whose classes a config may then name."""
    from moe_lab.config.plugins import load_plugin

    return [load_plugin(path).__name__ for path in paths or []]


def own_options(config_dir: Path | None, plugins: list[Path] | None) -> str:
    """The given --config-dir and --plugin options as text for a command that is printed, after a space; empty if there
    are none."""
    words = ["--config-dir", str(config_dir)] if config_dir is not None else []
    words += [word for path in plugins or [] for word in ("--plugin", str(path))]
    return "".join(f" {word}" for word in map(shlex.quote, words))
