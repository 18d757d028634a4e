"""Safe printing: no name or text of a stranger's folder can control the terminal."""

import typer

from moe_lab.errors import printable


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text, on stderr if ``err``; control characters, and those that hide or reverse text, are escaped."""
    typer.echo(printable(str(text)), err=err, nl=nl)
