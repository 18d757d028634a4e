"""status.json: the status of a run. ``lost`` is never written; readers infer it."""

import errno
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

from moe_lab.store.atomic import json_text, write_text
from moe_lab.store.process import alive, process_start

if TYPE_CHECKING:
    from moe_lab.store.facts import Facts, Status

State = Literal["planned", "running", "finished", "failed", "interrupted", "diverged", "lost"]
STATES: tuple[State, ...] = get_args(State)
#: content of a run folder: a trained mixture, a trained network with mixture layers, or recorded routing
Kind = Literal["mixture", "network", "trace"]
#: larger than any loss or metric: they come from 32-bit numbers
LARGEST = 1e100
_FULL = (errno.ENOSPC, errno.EDQUOT)


class StatusFile:
    """The only writer of a run's status.json."""

    def __init__(self, folder: Path, **facts: "Unpack[Facts]") -> None:
        self._path = folder / "status.json"
        self._facts: Status = {
            "status": "planned",
            "pid": None,
            "host": None,
            "process_start": None,
            "started_at": None,
            "updated_at": None,
            "ended_at": None,
            "error": None,
            **facts,
        }

    def plan(self) -> None:
        self._write("planned")

    def start(self, **facts: "Unpack[Facts]") -> None:
        pid = os.getpid()
        place: Facts = {"pid": pid, "host": socket.gethostname(), "process_start": process_start(pid)}
        begun: Facts = {**facts, **place, "started_at": now()}
        self._write("running", **begun)

    def end(self, status: State, **facts: "Unpack[Facts]") -> None:
        ended: Facts = {"error": None, "ended_at": now(), **facts}
        self._write(status, **ended)

    def touch(self) -> None:
        self._write(self._facts["status"])

    def _write(self, status: State, **facts: "Unpack[Facts]") -> None:
        self._facts = {**self._facts, **facts, "status": status, "updated_at": now()}
        text = json_text(self._facts)
        try:
            write_text(self._path, text)
        except OSError as error:
            if error.errno not in _FULL or not _write_over(self._path, text):
                raise


def is_number(value: Any) -> bool:
    """Whether the value is None or a number that a run can have measured: beyond LARGEST squares overflow."""
    return value is None or (isinstance(value, int | float) and not abs(value) > LARGEST)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_lost(status: "Status") -> bool:
    """Whether the status is ``running`` but the process is proven dead: same host, and no such process."""
    if status.get("status") != "running" or status.get("host") != socket.gethostname():
        return False
    pid = status.get("pid")
    if pid is None:
        return False
    started = process_start(pid)
    if started is not None:
        return started != status.get("process_start")
    return not alive(pid)


def _write_over(path: Path, text: str) -> bool:
    """Overwrite the old file in place, in one write, within the space allocated to it: for a full disk. Returns False
    if it does not fit."""
    content = text.encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        there = os.fstat(handle)
        if len(content) > there.st_blocks * 512:
            return False
        os.pwrite(handle, content.ljust(there.st_size), 0)
        os.fsync(handle)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
