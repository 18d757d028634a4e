"""The table of runs in the terminal: start, duration, data set, seed and results, as many columns as fit."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from moe_lab.cli.tables import GAP, Figure, Format, show, text
from moe_lab.cli.terminal import echo

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
    "rows": "rows",
    "documents": "documents",
    "layers": "layers",
    "result": "result",
    "test_error_rate": "error",
    "test_rmse_sd": "RMSE (sd)",
    "test_loss_nats": "loss (nats)",
    "mutual_information_expert_label_bits": "I(E;Y)",
    "usage_entropy_bits": "H(E)",
    "choices": "choices",
}
#: these are dropped first if the terminal is too narrow
SPARE = ("usage_entropy_bits", "mutual_information_expert_label_bits")
#: metric by which a run is judged -> its unit
UNITS = {"test_error_rate": "fraction", "test_rmse_sd": "sd", "test_loss_nats": "nats"}
#: the column of several such metrics, each with its unit
RESULT = "result"
#: sizes of a trace
SIZES = ("rows", "documents", "layers")
#: least width that a name and the choices may be wrapped to
SHORTEST = {"run": 28, "choices": 18}
#: choices that have a column of their own
SHOWN = ("dataset", "seed")
#: the kind of most runs, and that of routing without a model
MIXTURE, TRACE = "mixture", "trace"


def show_runs(rows: Sequence[Row], folder: Path, *, apart: bool, empty: str) -> None:
    """Print one row per run; with ``apart`` the runs of each folder below its name, if there are several folders. A run
    is shown with its error rate, in regression with its RMSE, for a language model with its loss per token. The last
    line names the columns for which the terminal is too narrow.
    """
    from rich.console import Console
    from rich.text import Text

    groups, width = _by_folder(rows) if apart else {"": list(rows)}, Console().width
    left_out: dict[str, None] = {}
    for inner, group in groups.items():
        shared = text(_taken_out(group))
        said = [f"{folder / inner}/"] if len(groups) > 1 or inner else []
        if said := said + ([f"all of them: {shared}"] if shared else []):
            Console().print(Text("  ".join(said)))
        telling = _telling(group, _put_in_words(group))
        labels = _fitting(group, telling, width)
        left_out |= {LABELS[name]: None for name in telling if name in SPARE and name not in labels}
        show(group, list(labels), Format.table, empty=empty, labels=labels)
    if left_out:
        echo(f"no room for {' and '.join(left_out)}: widen the terminal, or add -f csv")


def _put_in_words(rows: Sequence[Row]) -> str:
    """Format times, numbers, and the choices that have no column of their own. Returns the column of what runs are
    judged by: RESULT, with units, if it is not the same metric in all of them.
    """
    from moe_lab.reports.kit.numbers import digits, quantity

    # the first of a headline is that by which a run is compared
    judged = [next((name for name, value in row.items() if name in UNITS and value is not None), None) for row in rows]
    found = {name for name in judged if name is not None}
    column = found.pop() if len(found) == 1 else RESULT
    for row, name in zip(rows, judged, strict=True):
        row["started"], row["took"] = _when(row.get("started_at")), how_long(row.get("seconds"))
        if name is not None:
            in_words = quantity if UNITS[name] == "fraction" or column == RESULT else digits
            row[column] = Figure(in_words(row[name], UNITS[name]))
        for bits in SPARE:
            if row.get(bits) is not None:
                row[bits] = Figure(digits(row[bits], "bits"))
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
    made = [row["choices"] for row in rows if row.get("kind", MIXTURE) != TRACE]
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


def _fitting(rows: Sequence[Row], telling: Sequence[str], width: int) -> dict[str, str]:
    """Those of the columns that fit. Choices without room follow the name of their run."""
    shown = list(telling)
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
    left_out = {*UNITS, RESULT} - {judged}
    kinds = {row.get("kind", MIXTURE) for row in rows}
    if kinds == {MIXTURE}:
        left_out.add("kind")
    if kinds != {TRACE}:
        left_out |= {*SIZES}
    if all(row["status"] == "finished" for row in rows):
        left_out.add("status")
    if not any(row["choices"] for row in rows):
        left_out.add("choices")
    empty = {name for name in LABELS if all(row.get(name) is None for row in rows)}
    return [name for name in LABELS if name not in left_out | empty]


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
