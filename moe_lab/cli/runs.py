"""`moe-lab runs`: what there is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RUNS, Format, FormatOption, named

EXAMPLES = """
Examples:

    moe-lab runs

    moe-lab runs gate=attentive status=failed

    moe-lab runs runs/gates --sort test_error_rate

    moe-lab runs kind=trace

    moe-lab runs elsewhere regularizer=importance seed=0,1 -f json
"""

#: what the terminal shows, if it is wide enough; the other forms have every headline metric
LABELS = {
    "run": "run",
    "status": "status",
    "kind": "kind",
    "test_error_rate": "error",
    "test_rmse_sd": "RMSE (sd)",
    "mutual_information_expert_label_bits": "I(E;Y)",
    "usage_entropy_bits": "H(E)",
    "choices": "choices",
}
WIDE = 100
#: the kind of most runs
MIXTURE = "mixture"


def runs(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH] [KEY=VALUE]...", help="A folder of runs; what the listed runs have."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="Order by a metric or a choice; -KEY: the largest first."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """List runs, those of sweeps too: status, choices that differ from the defaults, headline metrics."""
    from moe_lab.cli.select import chosen, ordered
    from moe_lab.cli.tables import show
    from moe_lab.store.listing import columns, run_row
    from moe_lab.store.run import find_runs

    path, filters = _split(words or [])
    found = {str(run.path.relative_to(path)): run for run in find_runs(path)}
    rows = chosen([run_row(run, name, _say) for name, run in found.items()], filters)
    if sort is not None:
        rows = ordered(rows, sort)
    choices = ["choices"]
    if form is Format.table:
        _say_once(rows)
    else:
        from moe_lab.reports.listing import complete, spread_choices

        complete(rows, found)
        if form is Format.csv:
            choices = spread_choices(rows)
    for row in rows:
        del row["options"]
    shown = columns(rows, choices)
    which = f" with {' '.join(filters)}" if filters else ""
    empty = f"no runs in {path}{which}" + ("" if filters else ": start one with `moe-lab train`")
    show(rows, shown, form, empty=empty, labels=_labels(rows))


def _say(reason: str) -> None:
    echo(f"moe-lab: {reason}", err=True)


def _say_once(rows: list[dict[str, Any]]) -> None:
    """Choices that all of several runs made are said above the table, and not again in every row."""
    from rich.console import Console
    from rich.text import Text

    from moe_lab.cli.tables import text

    made = [row["choices"] for row in rows if row.get("kind") == MIXTURE]
    if len(made) < 2:
        return
    shared = {name: value for name, value in made[0].items() if all(one.get(name) == value for one in made)}
    if not shared:
        return
    for choices in made:
        for name in shared:
            del choices[name]
    Console().print(Text(f"all of them: {text(shared)}"))


def _split(words: list[str]) -> tuple[Path, list[str]]:
    """The folder, which comes first if it is given at all, and the filters."""
    from moe_lab.errors import RunError

    path, filters = RUNS, list(words)
    if filters and ("=" not in filters[0] or Path(filters[0]).is_dir()):
        path = named(filters.pop(0))
        if not path.is_dir() and path != RUNS:
            raise RunError(f"{path} is no folder of runs")
    for word in filters:
        if "=" not in word:
            raise RunError(f"{word} is no filter: write KEY=VALUE, such as gate=attentive or status=failed")
    return path, filters


def _labels(rows: list[dict[str, Any]]) -> dict[str, str]:
    """In a narrow terminal the status only where it tells runs apart, and one metric less: choices need the room. The
    kind only if one is no mixture. The error of classification or of regression only if a run has it, that of
    classification if none has either."""
    from rich.console import Console

    left_out = set() if any("test_rmse_sd" in row for row in rows) else {"test_rmse_sd"}
    if not left_out and not any("test_error_rate" in row for row in rows):
        left_out = {"test_error_rate"}
    if all(row.get("kind", MIXTURE) == MIXTURE for row in rows):
        left_out |= {"kind"}
    if Console().width < WIDE:
        same = all(row["status"] == "finished" for row in rows)
        left_out |= {"usage_entropy_bits", *(["status"] if same else [])}
    return {name: label for name, label in LABELS.items() if name not in left_out}
