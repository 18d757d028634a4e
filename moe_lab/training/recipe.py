"""The role of recipes: how a run is led from its first step to its last. docs/add-a-part.md and
moe_lab/parts/roles.py have the rules for all parts."""

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
    """What a recipe leads: the learner of one run, or of several stacked along axis R.

    trainers: of every run; they may differ in the number of epochs.
    steps:    batches an epoch of the whole training split.
    noise:    a name -> numbers of that name's own, the same ones every time.
    forget:   lets the optimizer begin anew, without momentum and with no steps counted.
    """

    learner: AnyLearner
    trainers: Sequence[Trainer]
    data: Data
    steps: int
    noise: Callable[[str], Noise]
    forget: Callable[[], None]

    @property
    def mixture(self) -> Mixture:
        """Of a learner that is one. Raises TypeError for networks."""
        return expect(MixtureLearner, self.learner).mixture

    def split_in(self, stages: int, epoch: int) -> list[int]:
        """Which of ``stages`` equal parts of its epochs every run is in, from 0; beyond its end the last."""
        return [min(epoch * stages // one.epochs, stages - 1) for one in self.trainers]


class Recipe:
    """Leads a training of ``trainer.epochs`` epochs: it may change numbers of the learner or what learns, at every
    step, and writes down the stages of the run. Here, and by default, it does nothing: all is trained together.

    It is structure, which the runs of a stack share, and is written over trailing axes. It keeps no clock of its own:
    what it does follows from the epoch and the batch, so that a resumed run is the unbroken one; what does not follow
    from them is its state.
    """

    #: it can lead networks of mixture layers, too
    leads_networks: ClassVar[bool] = False
    #: training runs all experts on every sample, also on those that did not select them
    needs_every_expert: bool = False

    @property
    def expert_of_class(self) -> Sequence[int] | None:
        """The expert that every class was chosen for, where that is known: the metrics tell errors apart by it."""
        return None

    @property
    def classes(self) -> tuple[int, ...] | None:
        """The classes that it trains on; None: those that the config says."""
        return None

    def attributes(self, data: Data) -> dict[str, np.ndarray]:
        """Columns of the test samples that it knows of, to stand beside the data's own."""
        return {}

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        """Why it cannot lead a learner (of one run); None if it can."""

    def lack_in_network(self, learner: NetworkLearner) -> Reason | None:
        """Why a recipe that ``leads_networks`` cannot lead this one (of one run); None if it can."""

    def apart(self, trainers: Sequence[Trainer]) -> Reason | None:
        """Why runs with these trainers cannot be led as one program; None where they can."""

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        """Before the first step of all; not where a run goes on."""

    def rows(self, course: Course, epoch: int) -> Tensor | None:
        """Which samples of the training split an epoch is of, [M] on the CPU, for all runs; None: all."""
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        """Before step number ``batch`` of an epoch, both from 0. The learner is in training mode, and so it stays, but
        for parts that stand still."""

    def decided(self, course: Course, epoch: int, routing: Routing) -> Routing:
        """The gate's decision as it holds in an epoch, in training and in the evaluation after it."""
        return routing

    def routed(self, routing: Routing, y_B: Tensor) -> Routing:
        """That decision on training samples of targets ``y_B``, before the experts run."""
        return routing

    def seen(self, step: Step, index_B: Tensor) -> Step:
        """What objective and regularizers see of a step on samples ``index_B`` [B] or [R, B] of the training split."""
        return step

    def after_step(self, course: Course) -> None:
        """After everything that a step changes has been changed."""

    def losses(self, learner: Any, step: Any) -> tuple[Tensor, Losses]:
        """The objective's loss of every sample [..., B], and the training loss, whose gradient is taken."""
        return learner.losses(step)

    def after_epoch(self, course: Course, epoch: int, records: Sequence[Record]) -> None:
        """After an epoch has been written into the records of the runs that have not ended."""

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps, each with axis R in front where there are several runs."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from ``state``."""


def hold(module: nn.Module, still: bool, *, drawing: bool = False) -> None:
    """Let a part stand still, or go on learning: held, its parameters get no gradient, its batch normalization uses
    what it has seen, and it draws nothing at random unless ``drawing`` says that it goes on with that."""
    module.requires_grad_(not still)
    norms = [part for part in module.modules() if isinstance(part, BatchNorm2d)]
    for part in norms if drawing else [module]:
        part.train(not still)
