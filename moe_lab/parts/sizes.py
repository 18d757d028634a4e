"""What the engine tells every part."""

from dataclasses import dataclass
from math import prod

from moe_lab.tasks import Task


@dataclass(frozen=True)
class Sizes:
    """The sizes that the engine gives to every part.

    shape:   of one sample, (channels, height, width) or (features,); inputs arrive flattened to D features.
    classes: C; 0 where the targets are numbers.
    experts: E.  k: how many experts are selected for a sample, 1 <= k <= E.
    hidden:  H, the width of the experts' last hidden layer; None where they have none.
    idle:    how many of the E experts, the last ones, compute nothing: they give zero, their input or a constant.
    """

    shape: tuple[int, ...]
    classes: int
    experts: int
    k: int
    hidden: int | None = None
    idle: int = 0

    @property
    def computing(self) -> int:
        """How many experts compute something."""
        return self.experts - self.idle

    @property
    def features(self) -> int:
        """D."""
        return prod(self.shape)

    @property
    def task(self) -> Task:
        """What the data set asks for: classes, or numbers."""
        return "classification" if self.classes else "regression"
