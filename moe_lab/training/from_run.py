"""Recipes that begin with the experts of a finished run."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from moe_lab.layers.stacking import count_parameters
from moe_lab.store.learned import read_run
from moe_lab.training.learner import Learner
from moe_lab.training.members import Record
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, Recipe, hold

#: where a learner's state has its experts and its gate
EXPERTS, GATE = "mixture.experts.", "mixture.gate."


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
        take_over(course.learner.mixture.experts, self.state_of_run, EXPERTS)

    @property
    def state_of_run(self) -> dict[str, Tensor]:
        """The learner's state of the finished run."""
        if self._state is None:
            _, self._state = read_run(Path(self._run).expanduser())
        return self._state

    def lack(self, learner: Learner, trainer: Trainer) -> str | None:
        if not count_parameters(learner.mixture.gate):
            return "needs a gate that learns, while the experts stand still: take gate=softmax"
        return self._other_experts(learner)

    def _other_experts(self, learner: Learner) -> str | None:
        """How the experts are not those of the run."""
        if fits(learner.mixture.experts, self.state_of_run, EXPERTS):
            return None
        return (
            f"needs experts like those of {self._run}, and these are of another kind, number or size: take its experts "
            "and data set"
        )

    def apart(self, trainers: Sequence[Trainer]) -> str | None:
        if len({one.epochs for one in trainers}) > 1:
            return "runs of one stack let their experts go in the same epoch, and these have several trainer.epochs"
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        hold(course.learner.mixture.experts, self.holds_experts(course.trainers[0], epoch))


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
