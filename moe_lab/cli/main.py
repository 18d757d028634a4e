"""`moe-lab`: the commands, and how errors are printed. Heavy modules are imported inside the commands."""

import errno
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.main import get_command

from moe_lab import __version__
from moe_lab.cli import config, data, explain, export, listing, report, runs, study, sweep, trace, train, usage
from moe_lab.cli.streams import unfailing_streams
from moe_lab.cli.terminal import echo
from moe_lab.errors import UserError, one_line
from moe_lab.experiment.launch import Launch, launched

#: what Typer raises for a misspelt command or option; only subclasses of it are public, such as this one
ClickException = cast(type[typer.BadParameter], typer.BadParameter.__mro__[2])

#: characters of a message
LONGEST = 2000
#: the errors of a file system if a permission is missing
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)

EPILOG = """
Start with `moe-lab train`, which needs no download, then `moe-lab train gate=attentive`.

The tutorial, your first study in fifteen minutes, is docs/tutorial.md in the clone.
"""

app = typer.Typer(
    name="moe-lab",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        echo(f"moe-lab {__version__}")
        raise typer.Exit


@app.callback(epilog=EPILOG)
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Do the experts of a mixture of experts specialize, in what, and what made them do so?"""


app.command("train", rich_help_panel="Experiments", epilog=train.EXAMPLES)(train.train)
app.command("sweep", rich_help_panel="Experiments", epilog=sweep.EXAMPLES)(sweep.sweep)
app.command("study", rich_help_panel="Experiments", epilog=study.EXAMPLES)(study.study)
app.command("report", rich_help_panel="Results", epilog=report.EXAMPLES)(report.report)
app.command("export", rich_help_panel="Results", epilog=export.EXAMPLES)(export.export)
app.command("runs", rich_help_panel="Results", epilog=runs.EXAMPLES)(runs.runs)
app.add_typer(trace.app, name="trace", rich_help_panel="Results")
app.command("list", rich_help_panel="What there is", epilog=listing.EXAMPLES)(listing.list_parts)
app.command("explain", rich_help_panel="What there is", epilog=explain.EXAMPLES)(explain.explain)
app.command("config", rich_help_panel="What there is", epilog=config.EXAMPLES)(config.config)
app.add_typer(data.app, name="data", rich_help_panel="What there is")


def main() -> NoReturn:
    """Run the command line. A wrong input gives one line and exit code 2, a file that cannot be written one line and
    1.
    """
    launch = launched()
    if launch is not None and launch.rank > 0:
        from moe_lab.experiment.ranks import follow_launched

        sys.exit(follow_launched(launch))
    with unfailing_streams() as lost:
        code = _run(launch)
        if (reason := lost()) and code == 0:
            code = _said(f"some output could not be written: {reason}", 1)
    sys.exit(code)


@cache
def _command() -> Callable[..., Any]:
    """The commands as Typer makes them of their functions, which takes as long as to answer a short command."""
    return get_command(app)


def _run(launch: Launch | None) -> int:
    """The exit code of the command line, after errors have been printed."""
    try:
        with _leading(launch):
            return _command()(prog_name="moe-lab", standalone_mode=False) or 0
    except UserError as error:
        return _said(str(error), 2)
    except ClickException as error:
        text = usage.line(error, _command(), sys.argv[1:])
        return _said(text, error.exit_code) if text else error.exit_code
    except typer.Abort:
        return _said("stopped", 130)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        if error.errno in DENIED:
            return _said(
                f"{where}{error.strerror}; copy its folder to a place where you may write, or give another folder", 2
            )
        return _said(f"{where}{error.strerror or error}", 1)


def _leading(launch: Launch | None) -> AbstractContextManager[None]:
    """Within the block this process leads those that were started with it, if there are any."""
    if launch is None:
        return nullcontext()
    from moe_lab.experiment.ranks import leading_all

    return leading_all(launch)


def _said(text: str, code: int) -> int:
    line = one_line(text)
    echo(f"moe-lab: {line if len(line) <= LONGEST else line[:LONGEST] + ' ...'}", err=True)
    return code
