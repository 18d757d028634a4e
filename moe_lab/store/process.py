"""Whether a process is alive. A zombie, dead but not yet waited for by its parent, is not alive."""

import os
from pathlib import Path

_DEAD = ("Z", "X")


def process_start(pid: int) -> int | None:
    """Start time of a living process in clock ticks since boot (Linux), which distinguishes it from a later process of
    the same pid; None if there is no such process or the time cannot be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # the name of the program, in brackets, may hold anything
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in _DEAD else int(fields[19])


def alive(pid: int) -> bool:
    """Whether a process of this pid is alive on this machine."""
    if Path("/proc/self/stat").exists():
        return process_start(pid) is not None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
