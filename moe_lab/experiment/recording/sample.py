"""The rows whose router logits are kept: a uniform sample of a stream of rows, whose length nobody knows beforehand."""

from collections.abc import Mapping

import numpy as np

from moe_lab.metrics.null import named_generator
from moe_lab.store.trace import SAMPLE


class LogitSample:
    """At most ``most`` rows in the end, those that drew the smallest random numbers; half as many more on the way."""

    def __init__(self, most: int = SAMPLE) -> None:
        self._most = most
        self._generator = named_generator("logits of a recording")
        self._below = 1.0
        self._rows = 0
        self._drawn: list[np.ndarray] = []
        self._numbers: list[np.ndarray] = []
        self._logits: list[dict[str, np.ndarray]] = []

    def draw(self, rows: int) -> np.ndarray:
        """Which of the next rows may be kept; ``add`` takes their logits."""
        drawn_N = self._generator.random(rows)
        kept_S = np.flatnonzero(drawn_N < self._below)
        self._drawn.append(drawn_N[kept_S])
        self._numbers.append(self._rows + kept_S)
        self._rows += rows
        return kept_S

    def add(self, logits: Mapping[str, np.ndarray]) -> None:
        """Layer -> [S, E] of the rows that were drawn last."""
        self._logits.append(dict(logits))
        if sum(map(len, self._drawn)) > 1.5 * self._most:
            self._thin()

    def taken(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The numbers of the sampled rows, in the order in which they came, and layer -> their logits."""
        self._thin()
        layers = self._logits[0] if self._logits else {}
        return np.concatenate(self._numbers), {
            name: np.concatenate([one[name] for one in self._logits]) for name in layers
        }

    def _thin(self) -> None:
        drawn = np.concatenate(self._drawn)
        if len(drawn) <= self._most:
            return
        self._below = float(np.partition(drawn, self._most)[self._most])
        kept = [one < self._below for one in self._drawn]
        self._drawn = [one[keep] for one, keep in zip(self._drawn, kept, strict=True)]
        self._numbers = [one[keep] for one, keep in zip(self._numbers, kept, strict=True)]
        self._logits = [
            {name: array[keep] for name, array in one.items()} for one, keep in zip(self._logits, kept, strict=True)
        ]
