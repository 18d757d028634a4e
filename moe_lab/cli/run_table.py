"""The table of runs in the terminal: start, duration, data set, seed and results, as many columns as fit."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from moe_lab.cli.tables import GAP, Format, show, text

Row = dict[str, Any]

#: column -> heading; the other formats have every headline metric
LABELS = {
    "run": "run",
    "status": "status",
    "kind": "kind",
    "started": "started",
    "took": "took",
    "dataset": "data set",
    "seed": "seed",
    "test_error_rate": "error",
    "test_rmse_sd": "RMSE (sd)",
    "test_loss_nats": "loss (nats)",
    "mutual_information_expert_label_bits": "I(E;Y)",
    "usage_entropy_bits": "H(E)",
    "choices": "choices",
}
#: these are dropped first if the terminal is too narrow
SPARE = ("usage_entropy_bits", "mutual_information_expert_label_bits")
ERROR, RMSE, LOSS = "test_error_rate", "test_rmse_sd", "test_loss_nats"
#: metric by which a run is judged -> its unit beside error rates in one column
UNITS = {ERROR: "", RMSE: " sd", LOSS: " nats"}
#: least width that a name and the choices may be wrapped to
SHORTEST = {"run": 28, "choices": 18}
#: choices that have a column of their own
SHOWN = ("dataset", "seed")
#: the kind of most runs
MIXTURE = "mixture"


def show_runs(rows: Sequence[Row], folder: Path, *, apart: bool, empty: str) -> None:
    """Print one row per run; with ``apart`` the runs of each folder below its name, if there are several folders. A run
    is shown with its error rate, in regression with its RMSE, for a language model with its loss per token.
    """
    from rich.console import Console
    from rich.text import Text

    groups = _by_folder(rows) if apart else {"": list(rows)}
    for inner, group in groups.items():
        shared = text(_taken_out(group))
        said = [f"{folder / inner}/"] if len(groups) > 1 or inner else []
        if said := said + ([f"all of them: {shared}"] if shared else []):
            Console().print(Text("  ".join(said)))
        labels = _fitting(group, _put_in_words(group), Console().width)
        show(group, list(labels), Format.table, empty=empty, labels=labels)


def _put_in_words(rows: Sequence[Row]) -> str:
    """Format times, what runs are judged by, and the choices that have no column of their own. Returns the column of
    what runs are judged by: that of errors, with units, if it is not the same metric in all of them.
    """
    # the first of a headline is that by which a run is compared
    judged = [next((name for name, value in row.items() if name in UNITS and value is not None), None) for row in rows]
    found = {name for name in judged if name is not None}
    column = found.pop() if len(found) == 1 else ERROR
    for row, name in zip(rows, judged, strict=True):
        row["started"], row["took"] = _when(row.get("started_at")), how_long(row.get("seconds"))
        if name is not None and name != column:
            row[column] = f"{text(row[name])}{UNITS[name]}"
        row["choices"] = {key: value for key, value in row["choices"].items() if not _is_said(row, key, value)}
    return column


def _by_folder(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """folder -> its rows, with the bare names of their runs."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        inner, _, name = row["run"].rpartition("/")
        found.setdefault(inner, []).append(row | {"run": name})
    return found or {"": []}


def _taken_out(rows: Sequence[Row]) -> Row:
    """The choices that all of several trained runs share, which are printed once above the table."""
    made = [row["choices"] for row in rows if row.get("kind", MIXTURE) != "trace"]
    if len(made) < 2:
        return {}
    shared = {
        name: value
        for name, value in made[0].items()
        if name not in SHOWN and all(one.get(name) == value for one in made)
    }
    for choices in made:
        for name in shared:
            del choices[name]
    return shared


def _is_said(row: Row, key: str, value: Any) -> bool:
    """Whether a choice has a column of its own, or is in the name of the run, as in a sweep."""
    return key in SHOWN or f"{key}={text(value)}" in row["run"].rpartition("/")[2]


def _fitting(rows: Sequence[Row], judged: str, width: int) -> dict[str, str]:
    """The columns that differ between runs, as many as fit. Choices without room follow the name of their run."""
    shown = _telling(rows, judged)
    for name in SPARE:
        if _needed(rows, shown) > width:
            shown = [one for one in shown if one != name]
    if "choices" in shown and _needed(rows, shown) > width:
        shown.remove("choices")
        for row in rows:
            row["run"] = f"{row['run']} {text(row['choices'])}"
    return {name: LABELS[name] for name in shown}


def _telling(rows: Sequence[Row], judged: str) -> list[str]:
    """The columns whose values are neither equal in all runs nor empty."""
    left_out = {*UNITS} - {judged}
    if all(row.get("kind", MIXTURE) == MIXTURE for row in rows):
        left_out.add("kind")
    if all(row["status"] == "finished" for row in rows):
        left_out.add("status")
    if not any(row["choices"] for row in rows):
        left_out.add("choices")
    return [name for name in LABELS if name not in left_out]


def _needed(rows: Sequence[Row], names: Sequence[str]) -> int:
    """The width of a table of these columns."""
    return sum(min(_widest(rows, name), SHORTEST.get(name, 99)) + GAP for name in names)


def _widest(rows: Sequence[Row], name: str) -> int:
    return max([len(LABELS[name]), *(len(text(row.get(name))) for row in rows)])


def _when(moment: str | None) -> str | None:
    """``11-28 14:05``, in the time of this machine; the date alone if it is of another year."""
    if moment is None:
        return None
    at = datetime.fromisoformat(moment).astimezone()
    return f"{at:%m-%d %H:%M}" if at.year == datetime.now().year else f"{at:%Y-%m-%d}"


def how_long(seconds: float | None) -> str | None:
    """``12 s``, ``12 min``, ``5.2 h`` or ``3.1 d``; status.json has whole seconds."""
    if seconds is None:
        return None
    if seconds == 0:
        return "<1 s"
    for most, unit, size in ((60, "s", 1), (3600, "min", 60), (48 * 3600, "h", 3600)):
        if seconds < most:
            return f"{seconds / size:.{1 if unit == 'h' else 0}f} {unit}"
    return f"{seconds / 86400:.1f} d"
