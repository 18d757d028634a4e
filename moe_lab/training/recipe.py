"""The role of recipes, which schedule training from the first step to the last. The rules for all parts are in
docs/add-a-part.md and moe_lab/parts/roles.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from moe_lab.data.dataset import Data
from moe_lab.errors import expect
from moe_lab.layers.convolution import BatchNorm2d
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Step
from moe_lab.routing.decision import Routing
from moe_lab.training.learner import AnyLearner, Losses
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.network_learner import NetworkLearner
from moe_lab.training.options import Trainer


@dataclass(frozen=True)
class Course:
    """The training that a recipe controls: the learner of one run, or of several stacked along axis R.

    trainers: the options of every run; they may differ in the number of epochs.
    steps:    batches in an epoch of the whole training split.
    noise:    name -> random numbers of that name, the same ones every time.
    forget:   resets the optimizer: no momentum, and no steps counted.
    """

    learner: AnyLearner
    trainers: Sequence[Trainer]
    data: Data
    steps: int
    noise: Callable[[str], Noise]
    forget: Callable[[], None]

    @property
    def mixture(self) -> Mixture:
        """The mixture that is trained. Raises TypeError for networks."""
        return expect(MixtureLearner, self.learner).mixture

    def split_in(self, stages: int, epoch: int) -> list[int]:
        """The stage of every run, from 0, if its epochs are divided into ``stages`` equal parts; the last one beyond
        its end."""
        return [min(epoch * stages // one.epochs, stages - 1) for one in self.trainers]


class Recipe:
    """Controls a training of ``trainer.epochs`` epochs. It may change numbers of the learner, or which parts are
    trained, at every step, and records the stages of the run. This base class does nothing: everything is trained
    together.

    The runs of a stack share one recipe, which is written over trailing axes. It keeps no clock of its own: its actions
    follow from the epoch and the batch, so a resumed run equals an uninterrupted one. Anything else belongs to
    ``state``.
    """

    #: whether it can also train networks of mixture layers
    leads_networks: ClassVar[bool] = False
    #: whether training must run all experts on every sample, also on those that did not select them
    needs_every_expert: bool = False

    @property
    def expert_of_class(self) -> Sequence[int] | None:
        """The intended expert of every class, or None if there is none; the metrics distinguish errors by it."""
        return None

    @property
    def classes(self) -> tuple[int, ...] | None:
        """The classes to train on; None: those of the config."""
        return None

    def attributes(self, data: Data) -> dict[str, np.ndarray]:
        """Additional columns of the test samples, stored beside the data's own."""
        return {}

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        """Why the recipe cannot train a learner (of one run); None if it can."""

    def lack_in_network(self, learner: NetworkLearner) -> Reason | None:
        """Why a recipe that ``leads_networks`` cannot train this network (of one run); None if it can."""

    def apart(self, trainers: Sequence[Trainer]) -> Reason | None:
        """Why runs with these trainers cannot be trained as one program; None if they can."""

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        """Called before the very first step, but not when a run is resumed."""

    def rows(self, course: Course, epoch: int) -> Tensor | None:
        """The samples of the training split that an epoch uses, [M] on the CPU, for all runs; None: all."""
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        """Called before step number ``batch`` of an epoch, both from 0. The learner is in training mode and must stay
        in it, except for frozen parts."""

    def decided(self, course: Course, epoch: int, routing: Routing) -> Routing:
        """Change the gate's decision for an epoch, in training and in the evaluation after it."""
        return routing

    def routed(self, routing: Routing, y_B: Tensor) -> Routing:
        """Change that decision on training samples with targets ``y_B``, before the experts run."""
        return routing

    def seen(self, step: Step, index_B: Tensor) -> Step:
        """Change the step that objective and regularizers read; ``index_B`` [B] or [R, B] are its samples in the
        training split."""
        return step

    def after_step(self, course: Course) -> None:
        """Called at the end of a step, after all of its updates."""

    def losses(self, learner: Any, step: Any) -> tuple[Tensor, Losses]:
        """The objective's loss of every sample [..., B], and the training loss, whose gradient is taken."""
        return learner.losses(step)

    def after_epoch(self, course: Course, epoch: int, records: Sequence[Record]) -> None:
        """Called after an epoch, once it is in the records of the runs that had not ended."""

    def state(self) -> dict[str, Tensor]:
        """The recipe's state for a checkpoint; each tensor has axis R in front if there are several runs."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore ``state``."""


def hold(module: nn.Module, still: bool, *, drawing: bool = False) -> None:
    """Freeze a part, or let it learn again. The parameters of a frozen part get no gradient, its batch normalization
    uses its running statistics, and it draws random numbers only if ``drawing`` is set."""
    module.requires_grad_(not still)
    norms = [part for part in module.modules() if isinstance(part, BatchNorm2d)]
    for part in norms if drawing else [module]:
        part.train(not still)
