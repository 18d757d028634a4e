"""Fresh run folders, claimed by exclusive mkdir so that two commands never share one."""

import errno
import os
import re
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import NoReturn

from moe_lab.errors import RunError, cut

#: the folder of runs where none is given
RUNS = Path("runs")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Taken(RunError):
    """A folder of that name already exists."""


def check_spelling(name: str) -> None:
    """Raise RunError if ``name`` cannot name a folder, for example because it leads elsewhere."""
    if not NAME.fullmatch(name):
        raise RunError(f"{cut(name)!r} cannot name a folder: use letters, digits, '.', '_' and '-' (at most 100)")


def check_runs(runs: Path) -> None:
    """Raise RunError if ``runs`` cannot be a folder since it, or a folder above it, is a file; creates nothing."""
    there = next(path for path in (runs, *runs.parents) if path.exists())
    if not there.is_dir():
        _unmade(runs, os.strerror(errno.ENOTDIR))


def check_name(name: str, runs: Path) -> None:
    """Raise RunError if ``name`` cannot be a new folder of ``runs``; creates nothing."""
    check_spelling(name)
    if (runs / name).exists():
        _taken(runs / name)


def claim(runs: Path, name: str | None = None, *, numbered: bool = False) -> Path:
    """Make and return ``runs/name``, or a folder named by the time. If a time is taken, ``_2``, ``_3`` ... is appended,
    and with ``numbered`` also to a name. Raises Taken if ``name`` is taken otherwise."""
    _make_runs(runs)
    if name is not None and not numbered:
        check_name(name, runs)
        return _mkdir(runs / name) or _taken(runs / name)
    stem = name or _time()
    candidates = (runs / (stem if n == 1 else f"{stem}_{n}") for n in count(1))
    return next(folder for folder in map(_mkdir, candidates) if folder)


def claim_again(folder: Path) -> None:
    """Make ``folder`` if it does not exist yet."""
    _make_runs(folder.parent)
    if _mkdir(folder) is None and not folder.is_dir():
        raise RunError(f"{folder} is no folder: choose another name, or remove that file")


def make_inside(folder: Path) -> Path:
    """Make ``folder`` if it does not exist yet, and return it. Raises RunError if it is a link."""
    refuse_link(folder)
    folder.mkdir(exist_ok=True)
    return folder


def refuse_link(path: Path) -> None:
    """Raises RunError if a path that is to be written to is a link."""
    if path.is_symlink():
        raise RunError(f"{path} is a link, and nothing is written through links: remove it")


def refuse_odd_file(path: Path) -> None:
    """Raises RunError if a file that is to be written to is a link, a folder, a pipe or a device."""
    refuse_link(path)
    if path.exists() and not path.is_file():
        raise RunError(f"{path} is no ordinary file: remove it")


def claim_report(out: Path | None, runs: Path) -> Path:
    """Make and return ``out``, which must not exist yet, or a fresh ``runs/report-<time>``."""
    if out is None:
        return claim(runs, f"report-{_time()}")
    if out.exists():
        raise RunError(f"--out {out} exists already: give a folder that is not there yet")
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"cannot make --out {out}: {error.strerror}") from None
    return out


def _make_runs(runs: Path) -> None:
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _unmade(runs, error.strerror)


def _unmade(runs: Path, why: str | None) -> NoReturn:
    raise RunError(f"cannot make the runs folder {runs}: {why}; give another with --runs DIR") from None


def _time() -> str:
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def _mkdir(folder: Path) -> Path | None:
    try:
        folder.mkdir()
    except FileExistsError:
        return None
    except OSError as error:
        raise RunError(f"cannot make {folder}: {error.strerror}; give another place with --runs DIR") from None
    return folder


def _taken(folder: Path) -> NoReturn:
    raise Taken(f"{folder} exists already: choose another name, or remove that folder")
