"""The standard streams of a command. Printing that fails never stops the work: a stream that is closed, or whose reader
has gone (``| head -1``), swallows the rest."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: the reader of a pipe has left, or the terminal is gone: nobody is there to be told
_NOBODY = (errno.EPIPE, errno.EIO)


class _Swallowing(io.FileIO):
    """A descriptor that leads to the null device from the first write that fails. ``lost`` is why it failed, unless
    nobody was reading."""

    lost: OSError | None = None

    def write(self, content) -> int:  # type: ignore[no-untyped-def]
        try:
            return super().write(content)
        except OSError as error:
            if error.errno not in _NOBODY:
                self.lost = error
            _lead_nowhere(self.fileno())
            return len(content)


@contextmanager
def unfailing_streams() -> Iterator[Callable[[], str]]:
    """Within the block stdout and stderr can be written to, whatever has become of them. A character that a terminal
    lacks is shown as its escape.

    Yields a function that tells why something that was printed is lost, on a full disk say; empty where nothing is.
    """
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    raws = [_raw(stream, number) for number, stream in enumerate(before, 1)]
    texts = [_text(raw, stream, number) for number, raw, stream in zip((1, 2), raws, before, strict=True)]
    sys.stdout, sys.stderr = texts

    def lost() -> str:
        for stream in texts:
            stream.flush()
        errors = [raw.lost for raw in raws if raw is not None and raw.lost is not None]
        return str(errors[0].strerror) if errors else ""

    try:
        yield lost
    finally:
        lost()
        sys.stdout, sys.stderr = before


def _fill_closed_descriptors() -> None:
    """Open 0, 1 and 2 on the null device where they are closed: the next file would become one of them otherwise."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)


def _lead_nowhere(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    else:
        os.set_inheritable(number, True)


def _raw(stream: TextIO | None, number: int) -> _Swallowing | None:
    """None where a stream has no descriptor, such as one of a test."""
    try:
        if stream is not None:
            stream.flush()
            number = stream.fileno()
    except (OSError, ValueError):
        return None
    return _Swallowing(number, "wb", closefd=False)


def _text(raw: _Swallowing | None, stream: TextIO | None, number: int) -> TextIO:
    if raw is None:
        assert stream is not None
        return stream
    encoding = stream.encoding if stream is not None else "utf-8"
    by_line = number == 2 or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=by_line)
