"""Exclusive claims: locks that the operating system releases when their holder dies, however it dies."""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moe_lab.errors import RunError
from moe_lab.store.folders import refuse_link
from moe_lab.store.process import alive
from moe_lab.store.status import now

#: the lock file of a run folder, held by the process that trains there
CLAIM = "claim"
_LOOK_SECONDS = 0.1
#: seconds that a new holder may take to write its name into the file
_NAME_SECONDS = 1.0


class Held(RunError):
    """Another process holds the claim. The text names the process and its machine."""


@contextmanager
def claimed(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path``, on this machine and on others that share its file system.

    ``patience``: seconds to wait for another holder to release it. The file stays; only its lock counts. Raises Held if
    another process keeps the lock, and RunError if the file system has no locks or the file is a link.
    """
    refuse_link(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        _lock(handle, path, time.monotonic() + patience)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        # only the lock counts: a full disk is no reason to fail
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, (json.dumps(holder) + "\n").encode(), 0)
        try:
            yield
        finally:
            # closing alone is not enough: a child that another thread starts just now holds the file open for a moment
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _lock(handle: int, path: Path, until: float) -> None:
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Held(f"{path.parent} is in use by {_holder(handle)}") from None
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise RunError(f"{path.parent} is on a file system without locks: take another place") from None
            raise
        time.sleep(_LOOK_SECONDS)


def _holder(handle: int) -> str:
    """The name of the current holder; an entry that an earlier holder left is ignored."""
    until = time.monotonic() + _NAME_SECONDS
    while True:
        try:
            holder = json.loads(os.pread(handle, 1000, 0))
            pid, host = int(holder["pid"]), str(holder["host"])[:100]
            if host != socket.gethostname() or alive(pid):
                return f"process {pid} on {host}"
        except (ValueError, KeyError, TypeError):
            pass
        if time.monotonic() >= until:
            return "another process"
        time.sleep(_LOOK_SECONDS)
