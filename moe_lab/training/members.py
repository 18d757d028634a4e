"""The runs that a loop trains, and their records."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from moe_lab.training.learner import AnyLearner
from moe_lab.training.options import Trainer


@dataclass(frozen=True)
class Seeds:
    """The seeds of a run. init: parameters; order: the order of samples; noise: all draws during training."""

    init: int
    order: int
    noise: int


@dataclass(frozen=True)
class Member:
    """One run: its initialized learner, its trainer options and its seeds."""

    learner: AnyLearner
    trainer: Trainer
    seeds: Seeds


@dataclass
class Record:
    """The record of one run.

    For each epoch a row of history, a row of timing and the arg-max expert of every validation sample. For several
    steps their number, and the experts that validation rows select after it (moe_lab/training/selections.py). For each
    stage of a recipe with stages a row and named arrays. For a diverged run the sign of its divergence.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    timing: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[Tensor] = field(default_factory=list)
    selection_steps: list[int] = field(default_factory=list)
    selections: list[Tensor] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    stage_arrays: list[dict[str, Tensor]] = field(default_factory=list)
    diverged: str = ""
