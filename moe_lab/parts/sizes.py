"""What the engine tells every part."""

from dataclasses import dataclass
from math import prod

from moe_lab.errors import ConfigError
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

    def read_hidden(self, who: str, *instead: str) -> int:
        """H, for a part that reads every expert's hidden layer. Raises ConfigError if not all experts have one; it
        names the part, ``who``, and what else mends it than other experts."""
        if self.hidden is not None and not self.idle:
            return self.hidden
        lacks = "experts that compute nothing have none" if self.idle else "these experts have none"
        ways = ["take experts.zero=0, copy=0 and constant=0" if self.idle else "take experts=mlp", *instead]
        raise ConfigError(f"{who} reads the experts' hidden layer, and {lacks}: {', or '.join(ways)}")

    @property
    def features(self) -> int:
        """D."""
        return prod(self.shape)

    @property
    def task(self) -> Task:
        """What the data set asks for: classes, or numbers."""
        return "classification" if self.classes else "regression"
