"""The runs that a loop trains: one alone, or several as one program."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from moe_lab.training.learner import AnyLearner
from moe_lab.training.options import Trainer


@dataclass(frozen=True)
class Seeds:
    """init: parameters; order: the order of samples; noise: everything drawn during training."""

    init: int
    order: int
    noise: int


@dataclass(frozen=True)
class Member:
    """One run: its learner as it was initialized, how it is trained, and its seeds."""

    learner: AnyLearner
    trainer: Trainer
    seeds: Seeds


@dataclass
class Record:
    """What is written down of one run: a row of history and of timing an epoch, the arg-max expert of every validation
    sample after each epoch; a row and arrays by name a stage of the recipe, where it has stages; and, where the run has
    diverged, how that showed."""

    history: list[dict[str, Any]] = field(default_factory=list)
    timing: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[Tensor] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    stage_arrays: list[dict[str, Tensor]] = field(default_factory=list)
    diverged: str = ""
