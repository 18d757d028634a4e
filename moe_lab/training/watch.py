"""Observers of a training run, and requests to stop it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


class Watch:
    """Observer of a run that does nothing; the command line's subclass shows a progress bar."""

    def begin(self, epochs: int, batches: int) -> None:
        """Called before the first batch."""

    def batch(self, epoch: int, batch: int, loss: Tensor) -> None:
        """Called after every step; ``loss.item()`` waits for the device, so it should not be called at every step."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Called after every epoch, with its row of history."""


class Stopped(Exception):
    """The run was asked to stop and has saved its state."""


#: called now and then; returns whether the run should save its state and end
StopAsked = Callable[[], bool]
#: called after every step; returns whether to return control with the epoch unfinished
PauseAsked = Callable[[], bool]
