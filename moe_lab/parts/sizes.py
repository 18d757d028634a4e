"""The sizes that every part gets from the engine."""

from dataclasses import dataclass
from math import prod

from moe_lab.errors import ConfigError
from moe_lab.tasks import Task


@dataclass(frozen=True)
class Sizes:
    """The sizes that every part gets from the engine.

    shape:   of one sample, (channels, height, width) or (features,); inputs arrive flattened to D features.
    classes: C; 0 in regression.
    experts: E.  k: number of experts selected per sample, 1 <= k <= E.
    hidden:  H, the width of the experts' last hidden layer; None if they have none.
    idle:    the number of the E experts, the last ones, that compute nothing: they output zero, their input or a
             constant.
    places:  how many rows side by side are one document, such as the patches of an image; 1: each row is one, or it
             is known only when they come.
    """

    shape: tuple[int, ...]
    classes: int
    experts: int
    k: int
    hidden: int | None = None
    idle: int = 0
    places: int = 1

    @property
    def computing(self) -> int:
        """The number of experts that compute something."""
        return self.experts - self.idle

    def read_hidden(self, who: str, *instead: str) -> int:
        """H, for a part that reads every expert's hidden layer.

        Raises ConfigError if not all experts have one. It names the part, ``who``, and remedies besides other experts.
        """
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
        """The data set's task: classification or regression."""
        return "classification" if self.classes else "regression"
