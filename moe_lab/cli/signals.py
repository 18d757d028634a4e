"""Ctrl-C and SIGTERM during training: the first signal saves the state and stops, a second stops at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

WATCHED = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Callable that returns whether a stop was requested. ``exit_code`` is 128 + the signal's number: 130 or 143."""

    def __init__(self) -> None:
        self._signal: int | None = None

    def __call__(self) -> bool:
        return self._signal is not None

    @property
    def exit_code(self) -> int:
        return 128 + (self._signal or signal.SIGINT)

    def ask(self, number: int, frame: object) -> None:
        self._signal = number
        for watched in WATCHED:
            signal.signal(watched, signal.default_int_handler if watched == signal.SIGINT else signal.SIG_DFL)


@contextmanager
def stop_asked() -> Iterator[Stop]:
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in WATCHED}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
