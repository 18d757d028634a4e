"""Recipes that begin with the experts of a finished run."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from moe_lab.layers.stacking import count_parameters
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Gate, Regularizer
from moe_lab.store.learned import read_run
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, Recipe, hold

#: where a learner's state has its experts and its gate
EXPERTS, GATE = "mixture.experts.", "mixture.gate."
#: where a network's learner's state has the network
NETWORK = "network."


class FromRun(Recipe):
    """Takes over the experts of the finished run in folder ``run``, and holds them still for a while: their parameters
    get no gradient, and their batch normalization, where they have any, uses what it has seen.

    Of the folder only files are read, nothing is run. Raises ConfigError where it holds no finished run.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._state: dict[str, Tensor] | None = None

    @abstractmethod
    def holds_experts(self, trainer: Trainer, epoch: int) -> bool:
        """Whether the experts stand still in an epoch, from 0."""

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        take_over(course.mixture.experts, self.state_of_run, EXPERTS)

    @property
    def state_of_run(self) -> dict[str, Tensor]:
        """The learner's state of the finished run."""
        if self._state is None:
            _, self._state = read_run(Path(self._run).expanduser())
        return self._state

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        if not learns(learner.mixture.gate):
            return Reason("needs a gate that learns, while the experts stand still", gate=learns)
        return self._other_experts(learner)

    def _other_experts(self, learner: MixtureLearner) -> Reason | None:
        """How the experts are not those of the run."""
        if fits(learner.mixture.experts, self.state_of_run, EXPERTS):
            return None
        return Reason(
            f"needs experts like those of {self._run}, and these are of another kind, number or size",
            ("take its experts and data set",),
        )

    def apart(self, trainers: Sequence[Trainer]) -> Reason | None:
        if len({one.epochs for one in trainers}) > 1:
            return Reason("runs of one stack let their experts go in one epoch, and these have several trainer.epochs")
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        hold(course.mixture.experts, self.holds_experts(course.trainers[0], epoch))


def learns(gate: Gate) -> bool:
    """Whether a gate has something to learn."""
    return count_parameters(gate) > 0


def idle(gate: Gate, regularizers: Mapping[str, Regularizer], still: Literal["gate", "experts"]) -> Reason | None:
    """A regularizer of what stands still for the whole run would move nothing. That of a gate also moves the experts
    if the gate reads what they compute."""
    if still == "gate" and gate.traits.reads_experts:
        return None
    of_experts = still == "experts"
    names = [name for name, one in regularizers.items() if one.needs_every_expert == of_experts]
    if not names:
        return None
    lacks = f"lets the {still} stand still, and regularizer {names[0]} acts on nothing else"
    return Reason(lacks, (f"leave {names[0]} out",))


def fits(part: nn.Module, state: dict[str, Tensor], prefix: str, experts: int = 0, count: int = 0) -> bool:
    """Whether ``state`` has, below ``prefix``, what the part keeps, in the same shapes; or that of ``experts`` experts
    for a part that has ``count``."""
    theirs = {name.removeprefix(prefix): one.shape for name, one in state.items() if name.startswith(prefix)}
    own = {name: one.shape for name, one in part.state_dict().items()}
    return own.keys() == theirs.keys() and all(
        len(shape) == len(theirs[name])
        and all(pair in ((experts, count), (pair[0],) * 2) for pair in zip(theirs[name], shape, strict=True))
        for name, shape in own.items()
    )


@torch.no_grad()
def take_over(part: nn.Module, state: dict[str, Tensor], prefix: str) -> None:
    """Write what ``state`` has below ``prefix`` into a part, of one run or of all runs of a stack. A part with more
    experts keeps its values beyond the first ones."""
    for name, own in part.state_dict().items():
        theirs = state[prefix + name]
        for axis in range(-theirs.ndim, 0):
            own = own.narrow(axis, 0, theirs.shape[axis])
        own.copy_(theirs)
