"""What a loop trains: a model with everything that trains it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from moe_lab.data.dataset import Data
from moe_lab.mixture.mixture import Constrain
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import LayerStep, Regularizer, Step, StepSizes
from moe_lab.routing.decision import Routing

NoiseT = TypeVar("NoiseT")
OutputT = TypeVar("OutputT")
StepT = TypeVar("StepT")
#: raw and weighted values of regularizers, by name
Regularized = tuple[dict[str, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Losses:
    """The parts of a training loss, each [...] (a value a run): their total is what is minimized."""

    objective: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]

    @property
    def total(self) -> Tensor:
        return sum(self.weighted.values(), self.objective)


class Learner(nn.Module, ABC, Generic[NoiseT, OutputT, StepT]):
    """A model with its regularizers and controllers: everything that training moves or asks.

    ``NoiseT`` is what it draws from, ``OutputT`` what it gives for a batch, and ``StepT`` what its parts may look at
    during one training step.
    """

    #: axes of what ``joined`` gives of one run
    assigned_axes: int

    @property
    @abstractmethod
    def steered(self) -> bool:
        """Whether it has a controller."""

    @property
    @abstractmethod
    def batch_dependent(self) -> bool:
        """Whether a prediction depends on its batch-mates, as the model stands: in training, or in evaluation."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """Numbers in the largest tensor that is made of one sample."""

    @property
    @abstractmethod
    def by_expert(self) -> list[nn.Parameter]:
        """Parameters with an axis of experts, of which a step may leave out those that no sample selected."""

    @abstractmethod
    def noise(self, seeds: Sequence[int], name: str, device: torch.device, *, stacked: bool = False) -> NoiseT:
        """What the model draws from, under a name: of the runs of a stack, or of one run."""

    @abstractmethod
    def before_step(self, progress: Tensor) -> None:
        """Controllers before a training step; ``progress`` [...] is the share of all steps that are done."""

    @abstractmethod
    def forward(self, x_BD: Tensor, noise: NoiseT, route: Constrain = lambda routing: routing) -> OutputT:
        """The model as it is in training, constrained by its controllers, and then by ``route``."""

    @abstractmethod
    def predict(self, x_BD: Tensor, noise: NoiseT, route: Constrain = lambda routing: routing) -> OutputT:
        """The model without its controllers."""

    @abstractmethod
    def step(self, x_BD: Tensor, y_B: Tensor, output: OutputT, noise: NoiseT) -> StepT:
        """What objective, regularizers and controllers may look at after the model has given ``output``."""

    @abstractmethod
    def losses(self, step: StepT) -> tuple[Tensor, Losses]:
        """The objective's loss of every sample [..., B], and the parts of the training loss."""

    @abstractmethod
    def after_step(self, step: StepT, step_sizes: StepSizes) -> None:
        """Regularizers and controllers after the optimizer's step."""

    @abstractmethod
    def readings(self, losses: Losses) -> dict[str, Tensor]:
        """What the history keeps of a step's regularizers and controllers, each [...]."""

    @abstractmethod
    def routings(self, output: OutputT) -> Mapping[str, Routing]:
        """What the gates have decided, by layer; that of a mixture has no name."""

    @abstractmethod
    def assigned(self, output: OutputT, y_B: Tensor) -> Tensor:
        """What is kept of a batch of the validation split to see which experts have what."""

    @abstractmethod
    def joined(self, assigned: Sequence[Tensor]) -> Tensor:
        """The same of all batches."""

    def fit(self, data: Data, training_batch: int) -> None:
        """Fit what is fitted beside the gradient, after every epoch."""


#: whatever it draws from and gives
AnyLearner = Learner[Any, Any, Any]


def regularized(regularizers: Mapping[str, Regularizer], step: Step | LayerStep, shape: torch.Size) -> Regularized:
    """The raw and the weighted value of each regularizer. Raises TypeError if one has not ``shape``, that of runs."""
    raw = {name: regularizer(step) for name, regularizer in regularizers.items()}
    for name, value in raw.items():
        check_shape(f"regularizer {name}", regularizers[name], value, shape)
    return raw, {name: regularizers[name].weight * value for name, value in raw.items()}


def readings(
    raw: Mapping[str, Tensor],
    weighted: Mapping[str, Tensor],
    regularizers: Mapping[str, Regularizer],
    controllers: Mapping[str, Controller],
) -> dict[str, Tensor]:
    """The columns of the history of regularizers and controllers, each [...]."""
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
    """Raise TypeError if what a part gives has another shape."""
    if value.shape != shape:
        raise TypeError(
            f"{role} ({type(part).__name__}) gave the shape {tuple(value.shape)}, and must give {tuple(shape)}"
        )
