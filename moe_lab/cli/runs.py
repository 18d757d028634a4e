"""`moe-lab runs`: list runs."""

from pathlib import Path
from typing import Annotated

import typer

from moe_lab.cli.completion import complete_filter
from moe_lab.cli.tables import Format, FormatOption, show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import named
from moe_lab.store.folders import RUNS

EXAMPLES = """
Examples:

    moe-lab runs

    moe-lab runs gate=attentive status=failed

    moe-lab runs runs/gates 'test_error_rate<0.04' --sort test_error_rate

    moe-lab runs --sort -started_at

    moe-lab runs kind=trace

    moe-lab runs elsewhere regularizer=importance seed=0,1 -f json
"""


def runs(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH] [KEY=VALUE]...",
            help="A folder of runs, and filters.",
            autocompletion=complete_filter,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="Sort by a metric or a choice; -KEY: largest first."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """List runs, also those of sweeps: start, duration, data set, seed, headline metrics, choices that differ.

    Filters compare with = != < <= > >=. Quote < and >, which the shell would interpret: 'test_error_rate<0.04'.
    """
    from moe_lab.cli.run_table import show_runs
    from moe_lab.cli.select import chosen, ordered
    from moe_lab.store.listing import columns, run_row
    from moe_lab.store.run import find_runs

    path, filters = _split(words or [])
    found = {str(run.path.relative_to(path)): run for run in find_runs(path)}
    rows = chosen([run_row(run, name, _say) for name, run in found.items()], filters)
    if sort is not None:
        rows = ordered(rows, sort)
    which = f" with {' '.join(filters)}" if filters else ""
    empty = f"no runs in {path}{which}" + ("" if filters else ": start one with `moe-lab train`")
    if form is Format.table:
        show_runs(rows, path, apart=sort is None, empty=empty)
        return
    from moe_lab.reports.listing import complete, spread_choices

    complete(rows, found)
    choices = spread_choices(rows) if form is Format.csv else ["choices"]
    for row in rows:
        del row["options"]
    show(rows, columns(rows, choices), form, empty=empty)


def _say(reason: str) -> None:
    echo(f"moe-lab: {reason}", err=True)


def _split(words: list[str]) -> tuple[Path, list[str]]:
    """The folder, which is the first argument if it is given, and the filters."""
    from moe_lab.cli.select import is_filter
    from moe_lab.errors import RunError

    path, filters = RUNS, list(words)
    if filters and (not is_filter(filters[0]) or Path(filters[0]).is_dir()):
        path = named(filters.pop(0))
        if not path.is_dir() and path != RUNS:
            raise RunError(f"{path} is no folder of runs")
    for word in filters:
        if not is_filter(word):
            raise RunError(f"{word} is not a filter: write KEY=VALUE or KEY<VALUE, such as gate=attentive or seed<3")
    return path, filters
