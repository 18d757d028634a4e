"""The standard streams of a command. A failed print never stops the work: output to a closed stream, or to a pipe
without a reader (``| head -1``), is discarded.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: the reader of a pipe or the terminal is gone, so there is nobody to report to
_NOBODY = (errno.EPIPE, errno.EIO)


class _Swallowing(io.FileIO):
    """A descriptor that is redirected to the null device after the first failed write. ``lost`` is the reason, unless
    nobody was reading.
    """

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
    """Within the block writing to stdout and stderr never raises, even if they are closed. A character that the
    terminal's encoding lacks is printed as its escape.

    Yields a function that returns why output was lost, for example a full disk; empty if nothing was.
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
    """Open descriptors 0, 1 and 2 on the null device if they are closed; otherwise the next opened file would get their
    number.
    """
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
    """The descriptor of a stream; None if it has none, as in a test."""
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
