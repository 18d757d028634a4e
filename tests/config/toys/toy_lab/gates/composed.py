"""Gates, and names that must not serve as one."""

import logging
from pathlib import Path
from typing import Literal

from moe_lab.config.ranges import Count, Positive
from toy_lab.roles import Gate, Score
from toy_lab.undeclared import Borrowed

IMPORTED = (Borrowed, Path, logging)


class Composed(Gate):
    """A score, and how many experts it selects."""

    def __init__(self, sizes: int, *, score: Score, k: Count | None = None, temperature: Positive = 1.0) -> None:
        self.sizes, self.score, self.k, self.temperature = sizes, score, k, temperature


class Stacked(Gate):
    """Several scores."""

    def __init__(
        self,
        sizes: int,
        *,
        scores: tuple[Score, ...] = (),
        named: dict[str, Score] | None = None,
        widths: tuple[int, ...] = (),
        notes: dict[str, str] | None = None,
        flag: bool = False,
        cutoff: float | None = None,
        pair: tuple[int, int] = (1, 2),
        mode: Literal["auto"] | float = "auto",
    ) -> None:
        self.scores, self.named, self.widths, self.notes = scores, named, widths, notes
        self.flag, self.cutoff, self.pair, self.mode = flag, cutoff, pair, mode


class Untyped(Gate):
    def __init__(self, *, whatever=3) -> None: ...


def make() -> Gate:
    return Gate()
