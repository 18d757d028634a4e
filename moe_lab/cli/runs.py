"""`moe-lab runs`: what there is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RUNS, Format, FormatOption, named

if TYPE_CHECKING:
    from moe_lab.store.run import Run

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
#: of a run whose status cannot be read
UNREADABLE = "unreadable"


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
    from moe_lab.store.run import find_runs

    path, filters = _split(words or [])
    found = {str(run.path.relative_to(path)): run for run in find_runs(path)}
    rows = chosen([_row(run, name) for name, run in found.items()], filters)
    if sort is not None:
        rows = ordered(rows, sort)
    if form is Format.table:
        _say_once(rows)
    else:
        _complete(rows, found)
    for row in rows:
        del row["options"]
    choices = _as_columns(rows) if form is Format.csv else ["choices"]
    metrics = [name for name in (*LABELS, *(name for row in rows for name in row)) if name != "choices"]
    columns = list(dict.fromkeys(["run", "status", *choices, *metrics]))
    which = f" with {' '.join(filters)}" if filters else ""
    empty = f"no runs in {path}{which}" + ("" if filters else ": start one with `moe-lab train`")
    show(rows, columns, form, empty=empty, labels=_labels(rows))


def _complete(rows: list[dict[str, Any]], found: dict[str, "Run"]) -> None:
    """Give every row its value of each choice in which one of them is not the default."""
    from moe_lab.reports.arms.naming import choice
    from moe_lab.reports.kit.choices import ABSENT

    keys = list(dict.fromkeys(key for row in rows for key in row["choices"]))
    for row in rows:
        status = {"differs": row["choices"], "choices": row["options"]}
        known = row["status"] == UNREADABLE or all(key in row["choices"] or key in row["options"] for key in keys)
        config = {} if known else _config(found[row["run"]])
        values = {key: choice(key, status, config) for key in keys}
        row["choices"] = {key: value for key, value in values.items() if value != ABSENT}


def _config(run: "Run") -> dict[str, Any]:
    """Its config; empty if it cannot be read, which is no reason not to list the run."""
    from moe_lab.errors import RunError

    try:
        return run.config
    except RunError:
        return {}


def _as_columns(rows: list[dict[str, Any]]) -> list[str]:
    """Give each choice a column of its own, in place of one column for all; returns their names."""
    from moe_lab.reports.arms.naming import cell
    from moe_lab.reports.kit.choices import ABSENT

    keys = list(dict.fromkeys(key for row in rows for key in row["choices"]))
    for row in rows:
        made = row.pop("choices")
        row |= {key: cell(made[key]) if key in made else ABSENT for key in keys if key not in row}
    return keys


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
    kind only if one is no mixture. The error of classes or of numbers only where a run has it, that of classes where
    none has either."""
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


def _row(run: "Run", name: str) -> dict[str, Any]:
    from moe_lab.errors import RunError

    try:
        status = run.status
    except RunError as error:
        echo(f"moe-lab: {error}", err=True)
        return {"run": name, "status": UNREADABLE, "choices": {}, "options": {}}
    return {
        "run": name,
        "status": status["status"],
        "kind": run.kind,
        "choices": status.get("differs") or {},
        "options": status.get("choices") or {},
        **(status.get("headline") or {}),
    }
