"""The base of recipes that start with the experts of a finished run."""

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

#: prefixes of the experts and of the gate in a learner's state
EXPERTS, GATE = "mixture.experts.", "mixture.gate."
#: prefix of the network in the state of a network's learner
NETWORK = "network."


class FromRun(Recipe):
    """Starts with the experts of the finished run in folder ``run``, and freezes them for a while: their parameters get
    no gradient, and their batch normalization, if any, uses its running statistics.

    Only files of the folder are read, none of its code is run. Raises ConfigError if it contains no finished run.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._state: dict[str, Tensor] | None = None

    @abstractmethod
    def holds_experts(self, trainer: Trainer, epoch: int) -> bool:
        """Whether the experts are frozen in an epoch, counted from 0."""

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        take_over(course.mixture.experts, self.state_of_run, EXPERTS)

    @property
    def state_of_run(self) -> dict[str, Tensor]:
        """The state of the finished run's learner."""
        if self._state is None:
            _, self._state = read_run(Path(self._run).expanduser())
        return self._state

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        if not learns(learner.mixture.gate):
            return Reason("needs a gate that learns, because the experts are frozen", gate=learns)
        return self._other_experts(learner)

    def _other_experts(self, learner: MixtureLearner) -> Reason | None:
        """How the experts differ from those of the run; None if they do not."""
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
    """Whether a gate has parameters to learn."""
    return count_parameters(gate) > 0


def idle(gate: Gate, regularizers: Mapping[str, Regularizer], still: Literal["gate", "experts"]) -> Reason | None:
    """The reason if a regularizer has no effect, because the part that it acts on is frozen for the whole run; else
    None. A regularizer of the gate also moves the experts if the gate reads their features."""
    if still == "gate" and gate.traits.reads_experts:
        return None
    of_experts = still == "experts"
    names = [name for name, one in regularizers.items() if one.needs_every_expert == of_experts]
    if not names:
        return None
    lacks = f"freezes the {still}, and regularizer {names[0]} acts on nothing else"
    return Reason(lacks, (f"leave {names[0]} out",))


def fits(part: nn.Module, state: dict[str, Tensor], prefix: str, experts: int = 0, count: int = 0) -> bool:
    """Whether the tensors of ``state`` below ``prefix`` have the names and shapes of the part's state. With
    ``experts``: for a part with ``count`` experts, one axis of a tensor may have length ``experts`` instead."""
    theirs = {name.removeprefix(prefix): one.shape for name, one in state.items() if name.startswith(prefix)}
    own = {name: one.shape for name, one in part.state_dict().items()}
    return own.keys() == theirs.keys() and all(
        len(shape) == len(theirs[name])
        and [pair for pair in zip(theirs[name], shape, strict=True) if pair[0] != pair[1]] in ([], [(experts, count)])
        for name, shape in own.items()
    )


def experts_in(state: dict[str, Tensor]) -> int | None:
    """The number of experts of a run, the first axis of their parameters in its learner's ``state``; None if it has
    none."""
    return next((one.shape[0] for name, one in state.items() if name.startswith(EXPERTS) and one.ndim), None)


@torch.no_grad()
def take_over(part: nn.Module, state: dict[str, Tensor], prefix: str) -> None:
    """Copy the tensors of ``state`` below ``prefix`` into a part, of one run or of all runs of a stack. If the part has
    more experts, the values of the additional ones are unchanged."""
    for name, own in part.state_dict().items():
        theirs = state[prefix + name]
        for axis in range(-theirs.ndim, 0):
            own = own.narrow(axis, 0, theirs.shape[axis])
        own.copy_(theirs)
