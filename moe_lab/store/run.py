"""Reading a run folder. Files are read when they are asked for; nothing of a folder is ever executed."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from moe_lab.errors import RunError
from moe_lab.integrity import Damaged, checksum, whole_archive
from moe_lab.store.status import STATES, is_lost

#: what to do about a damaged file of a run
MEND = "take it from a copy, or train this run again"


class Unreadable(RunError):
    """A file of the run in ``folder`` is missing or broken."""

    def __init__(self, text: str, folder: Path) -> None:
        super().__init__(text)
        self.folder = folder


class Run:
    """A run folder: ``.status .config .metrics .history .timing .routing`` and the other arrays, read on first use.

    Raises RunError where the path is no run folder, and Unreadable where a file that is asked for is missing or broken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "status.json").is_file():
            raise RunError(f"{self.path} is no run folder (it has no status.json); `moe-lab runs` lists what there is")

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @cached_property
    def status(self) -> dict[str, Any]:
        """status.json, with ``lost`` in place of ``running`` where the process is proven dead."""
        status = self._json("status.json")
        if status.get("status") not in STATES or not all(
            isinstance(status.get(name, {}), dict) for name in ("choices", "differs", "headline", "checksums")
        ):
            raise self._broken(f"{self.path / 'status.json'} is no status of a run")
        return {**status, "status": "lost"} if is_lost(status) else status

    @property
    def finished(self) -> bool:
        return self.status["status"] == "finished"

    @cached_property
    def config(self) -> dict[str, Any]:
        """The whole config in plain values. Never resolved, so a stranger's folder cannot read the environment."""
        import yaml

        try:
            config = yaml.safe_load(self._text("config.yaml"))
        except yaml.YAMLError as error:
            raise self._broken(f"{self.path / 'config.yaml'} is not YAML: {str(error).splitlines()[0]}") from None
        if not isinstance(config, dict):
            raise self._broken(f"{self.path / 'config.yaml'} holds no mapping")
        return config

    @cached_property
    def environment(self) -> dict[str, Any]:
        return self._json("environment.json")

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """name -> {"value", "unit"} and, where the value is null, "reason"."""
        return self._json("metrics.json")

    @cached_property
    def history(self) -> list[dict[str, float | None]]:
        """history.csv, a row an epoch; an empty cell is None."""
        return self._csv("history.csv")

    @cached_property
    def timing(self) -> list[dict[str, float | None]]:
        return self._csv("timing.csv")

    @cached_property
    def stages(self) -> list[dict[str, float | None]]:
        """stages.csv, a row a stage of the recipe; none where it has no stages."""
        return self._csv("stages.csv") if (self.path / "stages.csv").is_file() else []

    @cached_property
    def routing(self) -> dict[str, np.ndarray]:
        return self.arrays("routing")

    def arrays(self, name: str, only: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays of ``NAME.npz``, or those of them named in ``only``, without pickles. Raises RunError where the
        file is missing or broken."""
        path = self.path / f"{name}.npz"
        try:
            with np.load(whole_archive(path), allow_pickle=False) as file:
                return {key: file[key] for key in file.files if only is None or key in only}
        except FileNotFoundError:
            raise self._broken(f"{path} is missing: the run is {self.status['status']}") from None
        except Damaged as error:
            raise self._broken(f"{path} {error}; {MEND}") from None
        except Exception as error:
            # what is no array file, or holds objects, fails in many ways
            raise self._broken(f"{path} cannot be read: {error}") from None

    def has(self, name: str) -> bool:
        """Whether ``NAME.npz`` is there (assignments need a validation split, say)."""
        return (self.path / f"{name}.npz").is_file()

    def _broken(self, text: str) -> Unreadable:
        return Unreadable(text, self.path)

    def _text(self, name: str) -> str:
        path = self.path / name
        try:
            content = path.read_bytes()
            text = content.decode()
        except FileNotFoundError:
            raise self._broken(f"{path} is missing") from None
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken(f"{path} cannot be read: {error}") from None
        told = None if name == "status.json" else self.status.get("checksums", {}).get(name)
        if told not in (None, checksum(content)):
            raise self._broken(f"{path} is not what the run has written, it is damaged or was changed since; {MEND}")
        return text

    def _json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self._text(name))
        except json.JSONDecodeError as error:
            raise self._broken(f"{self.path / name} is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise self._broken(f"{self.path / name} holds no object")
        return value

    def _csv(self, name: str) -> list[dict[str, float | None]]:
        text = self._text(name)
        if text and not text.endswith("\n"):
            raise self._broken(f"{self.path / name} is truncated: its last line has no end")
        try:
            rows = csv.DictReader(text.splitlines(), strict=True)
            return [{key: float(value) if value else None for key, value in row.items()} for row in rows]
        except (ValueError, TypeError, csv.Error) as error:
            raise self._broken(f"{self.path / name} is no table of numbers: {error}") from None


def find_runs(root: Path) -> list[Run]:
    """Every run folder at or below ``root``, sorted by path; links are not followed out of it."""
    return [Run(path) for path in sorted(_run_folders(root))]


def _run_folders(folder: Path) -> Iterator[Path]:
    """A run holds no other run, so it is not looked into."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return
    if any(entry.name == "status.json" and not entry.is_symlink() for entry in entries):
        yield Path(folder)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _run_folders(Path(entry.path))
