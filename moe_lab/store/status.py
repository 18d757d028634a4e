"""status.json: what has become of a run. ``lost`` is never written; readers find it out."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from moe_lab.store.atomic import write_json

State = Literal["planned", "running", "finished", "failed", "interrupted", "diverged", "lost"]
STATES: tuple[State, ...] = get_args(State)


class StatusFile:
    """The one writer of a run's status.json."""

    def __init__(self, folder: Path, **facts: Any) -> None:
        self._path = folder / "status.json"
        self._facts: dict[str, Any] = {
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

    def start(self) -> None:
        pid = os.getpid()
        self._write("running", pid=pid, host=socket.gethostname(), process_start=process_start(pid), started_at=now())

    def end(self, status: State, *, error: str | None = None, **facts: Any) -> None:
        self._write(status, error=error, ended_at=now(), **facts)

    def touch(self) -> None:
        self._write(self._facts["status"])

    def _write(self, status: State, **facts: Any) -> None:
        self._facts |= {"status": status, "updated_at": now(), **facts}
        write_json(self._path, self._facts)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def process_start(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot (Linux), which tells it from a later one of the same pid."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])


def is_lost(status: dict[str, Any]) -> bool:
    """True where a run says that it is running but its process is proven dead: same host, and no such process."""
    if status.get("status") != "running" or status.get("host") != socket.gethostname():
        return False
    pid = status.get("pid")
    if not isinstance(pid, int):
        return False
    started = process_start(pid)
    if started is not None:
        return started != status.get("process_start")
    return not _exists(pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
