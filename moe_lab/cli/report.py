"""`moe-lab report`: the report of a run, or several runs side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

from moe_lab.cli.completion import complete_run
from moe_lab.cli.words import RUNS, Format, FormatOption, RunsFolder

EXAMPLES = """
Examples:

    moe-lab report runs/attentive-1

    moe-lab report runs/softmax-1 runs/attentive-1 --out compared
"""


def report(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Run folders.", autocompletion=complete_run)],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where a comparison goes; default: a fresh folder of --runs."),
    ] = None,
    runs: RunsFolder = RUNS,
    form: FormatOption = Format.table,
) -> None:
    """Write the report of one run into its folder, or set several runs side by side."""
    from moe_lab.cli.tables import show
    from moe_lab.errors import RunError
    from moe_lab.reports import comparison, write_comparison, write_run_report
    from moe_lab.store.folders import claim_report
    from moe_lab.store.run import Run

    opened = [Run(path) for path in paths]
    if len(opened) == 1:
        if out is not None:
            raise RunError("the report of one run goes into its own folder: leave --out away, or give several runs")
        page = write_run_report(opened[0])
    else:
        table = comparison(opened)
        page = write_comparison(opened, lambda: claim_report(out, runs))
        if form is Format.table:
            _show_side_by_side(table)
        else:
            show(table, list(table[0]), form, empty="")
    typer.echo(page, err=form is not Format.table)


def _show_side_by_side(table: list[dict[str, Any]]) -> None:
    """A column a run, a row a choice or metric: what reads best for a few runs. What does not fit follows below."""
    from rich.console import Console

    from moe_lab.cli.tables import show

    names = [name for name in table[0] if name not in ("key", "run")]
    first = max(map(len, names))
    widest = max(len(f"{run['key']}  {run['run']}") for run in table)
    fitting = max((Console().width - first) // (max(widest, 10) + 3), 1)
    for start in range(0, len(table), fitting):
        block = table[start : start + fitting]
        rows = [{"": name, **{run["key"]: run[name] for run in block}} for name in names]
        labels = {"": "", **{run["key"]: f"{run['key']}  {run['run']}" for run in block}}
        show(rows, list(labels), Format.table, empty="", labels=labels)
