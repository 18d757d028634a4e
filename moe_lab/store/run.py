"""Reading a run folder. Files are read on first use; no code of a folder is ever executed."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from moe_lab.errors import RunError, one_line, printable, shown
from moe_lab.store.atomic import checksum
from moe_lab.store.moved import as_now
from moe_lab.store.status import LARGEST, is_lost, is_number
from moe_lab.store.untrusted import (
    MOST_TEXT,
    Unusable,
    check_cells,
    inside,
    read_arrays,
    read_json,
    read_text,
    read_yaml,
)

if TYPE_CHECKING:
    from moe_lab.store.facts import Status
    from moe_lab.store.status import Kind
    from moe_lab.store.trace_header import Header

T = TypeVar("T")

#: most bytes of files that a listing or a page reads by the hundred, or that people read
_MOST = dict.fromkeys(("status.json", "environment.json", "config.yaml"), 2**20)
#: the folder of a run with the plain networks that were trained beside it, and their names: options of ``baseline``
TWINS, TWIN_NAMES = "twins", ("single", "dense_active", "dense_total")
#: advice for a damaged file of a run
MEND = "take it from a copy, or train this run again"


class Unreadable(RunError):
    """A file of the run in ``folder`` is missing or broken."""

    def __init__(self, text: str, folder: Path) -> None:
        super().__init__(text)
        self.folder = folder


class Run:
    """A run folder: ``.status .config .metrics .history_rows .timing .routing`` and other arrays, read on first use.

    Raises RunError if the path is no run folder, and Unreadable if a file that is read is missing or broken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not os.path.lexists(self.path / "status.json"):
            raise RunError(f"{self.path} is no run folder (it has no status.json); `moe-lab runs` lists what there is")

    @property
    def name(self) -> str:
        """The folder's name, printable."""
        return printable(self.path.resolve().name)

    @cached_property
    def status(self) -> "Status":
        """status.json, with ``lost`` in place of ``running`` if the process is proven dead."""
        from moe_lab.store.facts import read_status

        try:
            status = read_status(self._json("status.json"))
        except Unusable as error:
            raise self._broken(f"{self.path / 'status.json'} {error}") from None
        return {**status, "status": "lost"} if is_lost(status) else status

    @property
    def finished(self) -> bool:
        return self.status["status"] == "finished"

    @property
    def kind(self) -> "Kind":
        """The kind of run in the folder; a folder without a kind holds a mixture."""
        return self.status.get("kind", "mixture")

    @cached_property
    def twins(self) -> "dict[str, Run]":
        """The plain networks that were trained beside it, by name: runs of their own, which no listing has."""
        folders = {name: self.path / TWINS / name for name in TWIN_NAMES}
        try:
            inside(self.path / TWINS)
            return {name: Run(inside(one)) for name, one in folders.items() if os.path.lexists(one / "status.json")}
        except Unusable as error:
            raise self._broken(f"{self.path / TWINS} {error}") from None

    def require_trained(self) -> None:
        """Raises Unreadable if the folder holds a trace, which was recorded and not trained here."""
        if self.kind == "trace":
            raise self._broken(
                f"{self.path} is a run of kind {self.kind}, and this report is of runs that were trained; "
                f"`moe-lab report {self.path}` makes its own"
            )

    @cached_property
    def trace_header(self) -> "Header":
        """trace.json of a run of kind trace."""
        from moe_lab.store.trace_header import read_header

        try:
            return read_header(self._json("trace.json"))
        except Unusable as error:
            raise self._broken(f"{self.path / 'trace.json'} {error}") from None

    @cached_property
    def config(self) -> dict[str, Any]:
        """The whole config in plain values. Interpolations are never resolved, so a stranger's config cannot read the
        environment."""
        try:
            config = read_yaml(self._text("config.yaml"))
        except Unusable as error:
            raise self._broken(f"{self.path / 'config.yaml'} {error}") from None
        if not isinstance(config, dict):
            raise self._broken(f"{self.path / 'config.yaml'} holds no mapping")
        return as_now(config)

    @cached_property
    def environment(self) -> dict[str, Any]:
        return self._json("environment.json")

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """metrics.json: name -> {"value", "unit"}, and "reason" if the value is null."""
        metrics = self._json("metrics.json")
        if wrong := next((name for name, entry in metrics.items() if not _is_entry(entry)), None):
            raise self._broken(
                f"{self.path / 'metrics.json'}: {shown(wrong)} has no number and unit as a run writes them"
            )
        return metrics

    @cached_property
    def history_rows(self) -> list[dict[str, float | None]]:
        """history.csv, one row per epoch; an empty cell is None."""
        return self._csv("history.csv")

    @cached_property
    def timing(self) -> list[dict[str, float | None]]:
        return self._csv("timing.csv")

    @cached_property
    def stages(self) -> list[dict[str, float | None]]:
        """stages.csv, one row per stage of the recipe; empty if it has no stages."""
        return self._csv("stages.csv") if (self.path / "stages.csv").is_file() else []

    @cached_property
    def routing(self) -> dict[str, np.ndarray]:
        return self.arrays("routing")

    def arrays(self, name: str, only: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays of ``NAME.npz``, or only those named in ``only``, read without pickles. Raises Unreadable if the
        file is missing or broken."""
        path = self.path / f"{name}.npz"
        try:
            return read_arrays(inside(path), only)
        except FileNotFoundError:
            raise self._broken(f"{path} is missing: the run is {self.status['status']}") from None
        except Unusable as error:
            raise self._broken(f"{path} {error}; {MEND}") from None

    def has(self, name: str) -> bool:
        """Whether ``NAME.npz`` exists (assignments, for example, need a validation split)."""
        return (self.path / f"{name}.npz").is_file()

    def _broken(self, text: str) -> Unreadable:
        return Unreadable(text, self.path)

    def _text(self, name: str) -> str:
        path = self.path / name
        try:
            text = read_text(inside(path), _MOST.get(name, MOST_TEXT))
        except FileNotFoundError:
            raise self._broken(f"{path} is missing") from None
        except Unusable as error:
            raise self._broken(f"{path} {error}") from None
        told = None if name == "status.json" else (self.status.get("checksums") or {}).get(name)
        if told not in (None, checksum(text.encode())):
            raise self._broken(f"{path} is not what the run has written, it is damaged or was changed since; {MEND}")
        return text

    def _json(self, name: str) -> dict[str, Any]:
        try:
            value = read_json(self._text(name))
        except Unusable as error:
            raise self._broken(f"{self.path / name} {error}") from None
        if not isinstance(value, dict):
            raise self._broken(f"{self.path / name} holds no object")
        return value

    def table(self, name: str, parse: "Callable[[Iterable[dict[str, str]]], T]") -> T:
        """The rows of a CSV file, converted by ``parse``. Raises Unreadable if the file is missing or broken."""
        text = self._text(name)
        if text and not text.endswith("\n"):
            raise self._broken(f"{self.path / name} is truncated: its last line has no end")
        try:
            check_cells(text)
            return parse(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        except (LookupError, ValueError, TypeError, csv.Error) as error:
            raise self._broken(f"{self.path / name} is no table of numbers: {error}") from None

    def _csv(self, name: str) -> list[dict[str, float | None]]:
        return self.table(name, lambda rows: [{key: _measured(value) for key, value in row.items()} for row in rows])


def _measured(cell: str) -> float | None:
    """The number in a cell; None if it is empty. A loss may be NaN or infinite; no other number exceeds LARGEST."""
    value = float(cell) if cell else None
    if value is not None and isfinite(value) and not is_number(value):
        raise ValueError(f"{value:g} is beyond {LARGEST:g}")
    return value


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or "value" not in entry or not isinstance(entry.get("unit"), str):
        return False
    return _are_numbers(entry["value"]) and isinstance(entry.get("reason", ""), str | None)


def _are_numbers(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_are_numbers, value.values()))
    return all(map(_are_numbers, value)) if isinstance(value, list) else is_number(value)


@contextmanager
def as_written(where: object) -> Iterator[None]:
    """Turn errors within the block into a RunError: they come from files of a run whose content passed the checks of
    reading but is not what a run writes."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise RunError(f"{where}: the files are not what a run writes ({reason}): train it again") from error


def find_runs(root: Path) -> list[Run]:
    """Every run folder at or below ``root``, sorted by path; links that lead out of it are not followed."""
    return [Run(path) for path in sorted(_run_folders(root))]


def runs_at(paths: Sequence[Path]) -> list[Run]:
    """The runs at or below these paths, each once. Raises RunError for a path that holds none."""
    found: dict[Path, Run] = {}
    for path in paths:
        here = find_runs(path)
        if not here:
            raise RunError(f"{path} is no run folder and holds none; `moe-lab runs` lists what there is")
        found |= {run.path.resolve(): run for run in here}
    return list(found.values())


def _run_folders(root: Path) -> Iterator[Path]:
    """The folders with a ``status.json``. If it is an ordinary file, the folder is a run and is not searched further,
    for a run holds no other run but its twins; anything else of that name does not end the search."""
    waiting = [Path(root)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError:
            continue
        status = next((entry for entry in entries if entry.name == "status.json"), None)
        if status is not None:
            yield folder
        if status is None or not status.is_file(follow_symlinks=False):
            waiting += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
