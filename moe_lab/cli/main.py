"""`moe-lab`: the commands, and what a mistake looks like. Heavy modules are imported inside the commands."""

import sys
from typing import Annotated

import typer

from moe_lab import __version__
from moe_lab.cli import config, data, listing, report, runs, train
from moe_lab.errors import UserError

EPILOG = "Start with `moe-lab train`, then `moe-lab train dataset=fashion_mnist gate=attentive`."

app = typer.Typer(
    name="moe-lab",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"moe-lab {__version__}")
        raise typer.Exit


@app.callback(epilog=EPILOG)
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Do the experts of a mixture of experts specialize, in what, and what made them do so?"""


app.command("train", rich_help_panel="Experiments", epilog=train.EXAMPLES)(train.train)
app.command("report", rich_help_panel="Results", epilog=report.EXAMPLES)(report.report)
app.command("runs", rich_help_panel="Results", epilog=runs.EXAMPLES)(runs.runs)
app.command("list", rich_help_panel="What there is", epilog=listing.EXAMPLES)(listing.list_parts)
app.command("config", rich_help_panel="What there is", epilog=config.EXAMPLES)(config.config)
app.add_typer(data.app, name="data", rich_help_panel="What there is")


def main() -> None:
    """Run the command line: exit code 2 and one line for a user's mistake."""
    try:
        app(prog_name="moe-lab")
    except UserError as error:
        typer.echo(f"moe-lab: {error}", err=True)
        sys.exit(2)
