"""What is printed: nothing that a terminal would obey, whatever name or text of a stranger's folder is in it."""

import typer

from moe_lab.errors import printable


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text, on stderr with ``err``; control characters, and those that hide or turn text, as their escapes."""
    typer.echo(printable(str(text)), err=err, nl=nl)
