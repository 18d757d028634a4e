"""The learner, which a loop trains: a model with its objective, regularizers and controllers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from moe_lab.data.dataset import Data
from moe_lab.layers.ranks import Ranks, current
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.sharded import run_sharded
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import LayerStep, Regularizer, Step, StepSizes
from moe_lab.routing.decision import Routing
from moe_lab.training.by_rank import mean_by_rank

NoiseT = TypeVar("NoiseT")
OutputT = TypeVar("OutputT")
StepT = TypeVar("StepT")
#: raw and weighted values of regularizers, by name
Regularized = tuple[dict[str, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Losses:
    """The parts of a training loss, each [...] (one value per run). Their total is minimized."""

    objective: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]

    @property
    def total(self) -> Tensor:
        return sum(self.weighted.values(), self.objective)


class Learner(nn.Module, ABC, Generic[NoiseT, OutputT, StepT]):
    """A model with its regularizers and controllers: everything that training updates or calls.

    ``NoiseT`` is its source of random numbers, ``OutputT`` its output for a batch, and ``StepT`` the data of one
    training step that its parts may read.
    """

    #: number of axes of the result of ``joined`` for one run
    assigned_axes: int

    def __init__(self) -> None:
        super().__init__()
        #: the processes that share its experts; None: this one has all of them
        self.ranks = current()

    def _run(self, model: nn.Module, x_BD: Tensor, *given_to: Any) -> Any:
        """What a model gives for a batch, on however many processes its experts are."""
        if self.ranks is None:
            return model(x_BD, *given_to)
        return run_sharded(self.ranks, model, x_BD, *given_to)

    @property
    @abstractmethod
    def steered(self) -> bool:
        """Whether it has a controller."""

    @property
    @abstractmethod
    def batch_dependent(self) -> bool:
        """Whether a prediction depends on its batch-mates in the model's current mode, training or evaluation."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """Size of the largest tensor that is computed from one sample."""

    @property
    def places(self) -> int:
        """How many rows of a mixture layer a sample has; 0 for a mixture, which has no layers."""
        return 0

    @property
    @abstractmethod
    def by_expert(self) -> list[nn.Parameter]:
        """Parameters with an axis of experts, along which a step may skip experts that no sample selected."""

    @abstractmethod
    def noise(self, seeds: Sequence[int], name: str, device: torch.device, *, stacked: bool = False) -> NoiseT:
        """The named source of the model's random numbers, for the runs of a stack or for one run."""

    @abstractmethod
    def before_step(self, progress: Tensor) -> None:
        """Call the controllers before a training step; ``progress`` [...] is the share of all steps that are done."""

    @abstractmethod
    def forward(self, x_BD: Tensor, noise: NoiseT, route: Constrain = lambda routing: routing) -> OutputT:
        """The output in training: the routing is constrained by the controllers, and then by ``route``."""

    @abstractmethod
    def predict(self, x_BD: Tensor, noise: NoiseT, route: Constrain = lambda routing: routing) -> OutputT:
        """The output without the controllers, for evaluation."""

    @abstractmethod
    def step(self, x_BD: Tensor, y_B: Tensor, output: OutputT, noise: NoiseT) -> StepT:
        """The data of a training step that objective, regularizers and controllers may read."""

    @abstractmethod
    def losses(self, step: StepT) -> tuple[Tensor, Losses]:
        """The objective's loss of every sample [..., B], and the parts of the training loss."""

    @abstractmethod
    def after_step(self, step: StepT, step_sizes: StepSizes) -> None:
        """Call the regularizers and controllers after the optimizer's step."""

    @abstractmethod
    def readings(self, losses: Losses) -> dict[str, Tensor]:
        """The values of a step's regularizers and controllers for the history, each [...]."""

    @abstractmethod
    def routings(self, output: OutputT) -> Mapping[str, Routing]:
        """The gates' decisions by layer; a mixture has a single one, with an empty name."""

    @abstractmethod
    def assigned(self, output: OutputT, y_B: Tensor) -> Tensor:
        """The assignments of a validation batch that are stored: which experts got which samples."""

    @abstractmethod
    def joined(self, assigned: Sequence[Tensor]) -> Tensor:
        """The assignments of all batches, joined."""

    def fit(self, data: Data, training_batch: int) -> None:
        """Fit the parts that are fitted without gradients; called after every epoch."""


#: a learner with any types of noise, output and step
AnyLearner = Learner[Any, Any, Any]


def regularized(
    regularizers: Mapping[str, Regularizer], step: Step | LayerStep, shape: torch.Size, ranks: Ranks | None = None
) -> Regularized:
    """The raw and the weighted value of each regularizer; of the rows of each rank by itself if ``ranks`` take
    statistics so. Raises TypeError if one has not ``shape``, that of runs."""
    raw = {
        name: mean_by_rank(regularizer, step, ranks) if ranks is not None and ranks.by_rank else regularizer(step)
        for name, regularizer in regularizers.items()
    }
    for name, value in raw.items():
        check_shape(f"regularizer {name}", regularizers[name], value, shape)
    return raw, {name: regularizers[name].weight * value for name, value in raw.items()}


def readings(
    raw: Mapping[str, Tensor],
    weighted: Mapping[str, Tensor],
    regularizers: Mapping[str, Regularizer],
    controllers: Mapping[str, Controller],
) -> dict[str, Tensor]:
    """The history's columns for regularizers and controllers, each [...]."""
    found = {f"regularizer_{name}": value for name, value in raw.items()}
    found |= {f"regularizer_{name}_weighted": value for name, value in weighted.items()}
    parts: Mapping[str, Mapping[str, Regularizer | Controller]] = {
        "regularizer": regularizers,
        "controller": controllers,
    }
    for role, several in parts.items():
        for name, part in several.items():
            found |= {f"{role}_{name}_{key}": value.clone() for key, value in part.readings().items()}
    return found


def check_shape(role: str, part: nn.Module, value: Tensor, shape: torch.Size) -> None:
    """Raise TypeError if a part's value does not have ``shape``."""
    if value.shape != shape:
        raise TypeError(
            f"{role} ({type(part).__name__}) gave the shape {tuple(value.shape)}, and must give {tuple(shape)}"
        )
