"""A mixture with everything that trains it: objective, regularizers and controllers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from moe_lab.layers.noise import Noise
from moe_lab.layers.stacking import by_name
from moe_lab.mixture.mixture import Constrain, Mixture, Output
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import Objective, Regularizer, Step, StepSizes
from moe_lab.routing.decision import Routing


@dataclass(frozen=True)
class Losses:
    """The parts of a training loss, each [...] (a value a run): their total is what is minimized."""

    objective: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]

    @property
    def total(self) -> Tensor:
        return sum(self.weighted.values(), self.objective)


class Learner(nn.Module):
    """A mixture with its objective, regularizers and controllers: everything that training moves or asks."""

    def __init__(
        self,
        mixture: Mixture,
        objective: Objective,
        regularizers: dict[str, Regularizer],
        controllers: dict[str, Controller],
    ) -> None:
        super().__init__()
        self.mixture = mixture
        self.objective = objective
        self.regularizers = by_name(regularizers)
        self.controllers = by_name(controllers)

    @torch.no_grad()
    def before_step(self, progress: Tensor) -> None:
        """Controllers before a training step; ``progress`` [...] is the share of all steps that are done."""
        for controller in self.controllers.values():
            controller.before_step(self.mixture.gate, progress)

    def forward(self, x_BD: Tensor, noise: Noise, route: Constrain = lambda routing: routing) -> Output:
        """The mixture as it is in training, constrained by its controllers, and then by ``route``."""
        return self.mixture(x_BD, noise, lambda routing: route(self._constrain(routing)))

    @torch.no_grad()
    def after_step(self, step: Step, step_sizes: StepSizes) -> None:
        """Regularizers and controllers after the optimizer's step."""
        for regularizer in self.regularizers.values():
            regularizer.after_step(step, step_sizes)
        for controller in self.controllers.values():
            controller.after_step(step)

    def readings(self, losses: Losses) -> dict[str, Tensor]:
        """What the history keeps of a step's regularizers and controllers, each [...]."""
        readings = {f"regularizer_{name}": value for name, value in losses.raw.items()}
        readings |= {f"regularizer_{name}_weighted": value for name, value in losses.weighted.items()}
        for role, parts in (("regularizer", self.regularizers), ("controller", self.controllers)):
            for name, part in parts.items():
                readings |= {f"{role}_{name}_{key}": value.clone() for key, value in part.readings().items()}
        return readings

    def _constrain(self, routing: Routing) -> Routing:
        for controller in self.controllers.values():
            routing = controller.constrain(routing)
        return routing

    def losses(self, step: Step) -> tuple[Tensor, Losses]:
        """The objective's loss of every sample [..., B], and the parts of the training loss."""
        loss_B = self.objective(step)
        _check_shape("objective", self.objective, loss_B, step.y_B.shape)
        raw = {name: regularizer(step) for name, regularizer in self.regularizers.items()}
        for name, value in raw.items():
            _check_shape(f"regularizer {name}", self.regularizers[name], value, loss_B.shape[:-1])
        weighted = {name: self.regularizers[name].weight * value for name, value in raw.items()}
        return loss_B, Losses(loss_B.mean(-1), raw, weighted)


def _check_shape(role: str, part: nn.Module, value: Tensor, shape: torch.Size) -> None:
    if value.shape != shape:
        raise TypeError(
            f"{role} ({type(part).__name__}) gave the shape {tuple(value.shape)}, and must give {tuple(shape)}"
        )
