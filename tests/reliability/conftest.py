"""Runs that are killed wherever they change a folder, and what two folders have in common when nothing was lost."""

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

#: every way in which moe-lab changes a folder: files are moved to their place, folders are made, both are removed
CHANGES = ("replace", "mkdir", "rmdir", "unlink")
KILLED = 9
#: files that tell when, where and how fast; and what is left of a run's way
OF_THE_CLOCK = {"environment.json", "timing.csv", "train.log", "claim", "lock", "checkpoint.previous.pt"}


class Child:
    """``work`` in a forked copy of this process. An exit keeps its code; any other exception gives exit code 99."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        code = 99
        try:
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def ended(self) -> int:
        """Waits for its end: its exit code, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _killed_at(number: int, work: Callable[[], Any]) -> bool:
    """Do ``work`` in a child process that dies on the spot, without a last word, when it is about to make its
    ``number``-th change of a folder. Whether it came to that."""

    def doomed():
        _die_at(number)
        work()

    code = Child(doomed).ended()
    assert code in (0, KILLED), code
    return code == KILLED


def _die_at(number: int) -> None:
    left = iter(range(number - 1, -1, -1))

    def watched(change):
        def dies(*arguments, **options):
            if next(left) == 0:
                if change is replace and str(arguments[0]).endswith(".tmp"):
                    # as if it had died in the middle of writing the file
                    os.truncate(arguments[0], os.path.getsize(arguments[0]) // 2)
                os._exit(KILLED)
            return change(*arguments, **options)

        return dies

    replace = os.replace
    for name in CHANGES:
        setattr(os, name, watched(getattr(os, name)))


def _changes(work: Callable[[], Any]) -> int:
    """How many changes of folders ``work`` makes, done in this process."""
    count = 0

    def counted(change):
        def counts(*arguments, **options):
            nonlocal count
            count += 1
            return change(*arguments, **options)

        return counts

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, counted(getattr(os, name)))
        work()
    return count


def _contents(folder: Path) -> dict[str, Any]:
    """File -> content of everything that must be equal to the byte, however often the run was interrupted."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in OF_THE_CLOCK]
    return {str(path.relative_to(folder)): _content(path) for path in files}


def _content(path: Path) -> Any:
    if path.name == "status.json":
        facts = json.loads(path.read_text())
        of_the_clock = {"pid", "host", "process_start", "started_at", "updated_at", "ended_at"}
        facts["checksums"] = {name: one for name, one in facts["checksums"].items() if name not in OF_THE_CLOCK}
        return {name: value for name, value in facts.items() if name not in of_the_clock}
    if path.suffix == ".pt":
        state = torch.load(path, weights_only=True)
        del state["seconds"]
        for record in state["records"]:
            del record["timing"]
        return [one.numpy().tobytes() if isinstance(one, torch.Tensor) else one for one in tree_leaves(state)]
    return path.read_bytes()


def _stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of the last change and content of every file."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def killed_at():
    return _killed_at


@pytest.fixture(scope="session")
def child() -> type[Child]:
    return Child


@pytest.fixture
def command(child) -> Callable[..., Child]:
    """`moe-lab ARGUMENTS...` in a child."""
    from moe_lab.cli.main import main

    def run(*arguments: str | Path) -> Child:
        def work():
            sys.argv = ["moe-lab", *map(str, arguments)]
            main()

        return child(work)

    return run


@pytest.fixture(scope="session")
def changes():
    return _changes


@pytest.fixture(scope="session")
def contents():
    return _contents


@pytest.fixture(scope="session")
def stamps():
    return _stamps


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Gives an empty folder, a new one each time."""
    made = []

    def make() -> Path:
        folder = tmp_path / f"fresh{len(made)}"
        folder.mkdir()
        made.append(folder)
        return folder

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
