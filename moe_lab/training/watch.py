"""Who looks on while a run trains, and who may ask it to stop."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


class Watch:
    """Looks on and does nothing; the command line has one with a progress bar."""

    def begin(self, epochs: int, batches: int) -> None:
        """Before the first batch."""

    def batch(self, epoch: int, batch: int, loss: Tensor) -> None:
        """After every step; ``loss.item()`` waits for the device, so ask for it now and then only."""

    def epoch(self, row: dict[str, Any]) -> None:
        """After every epoch, with its row of history."""


class Stopped(Exception):
    """The run was asked to stop and has saved its state."""


#: asked now and then: whether the run should save its state and end
StopAsked = Callable[[], bool]
#: asked after every step: whether to hand back control with the epoch unfinished
PauseAsked = Callable[[], bool]
