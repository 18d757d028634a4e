"""The learner of a mixture."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from moe_lab.data.dataset import Data
from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.stacking import by_name
from moe_lab.mixture.mixture import Constrain, Mixture, Output
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import Objective, Regularizer, Step, StepSizes
from moe_lab.routing.decision import Routing
from moe_lab.training.fitting import fit
from moe_lab.training.learner import Learner, Losses, check_shape, readings, regularized


class MixtureLearner(Learner[Noise, Output, Step]):
    """A mixture with its objective, regularizers and controllers."""

    assigned_axes = 1

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

    @property
    def steered(self) -> bool:
        return bool(self.controllers)

    @property
    def batch_dependent(self) -> bool:
        return self.mixture.batch_dependent

    @property
    def numbers(self) -> int:
        return self.mixture.numbers

    @property
    def by_expert(self) -> list[nn.Parameter]:
        return list(self.mixture.experts.parameters())

    def noise(self, seeds: Sequence[int], name: str, device: torch.device, *, stacked: bool = False) -> Noise:
        return Noise([generator(seed, name, device) for seed in seeds], stacked=stacked)

    @torch.no_grad()
    def before_step(self, progress: Tensor) -> None:
        for controller in self.controllers.values():
            controller.before_step(self.mixture.gate, progress)

    def forward(self, x_BD: Tensor, noise: Noise, route: Constrain = lambda routing: routing) -> Output:
        """The output in training: the routing is constrained by the controllers, and then by ``route``."""
        return self._run(self.mixture, x_BD, noise, lambda routing: route(self._constrain(routing)))

    def predict(self, x_BD: Tensor, noise: Noise, route: Constrain = lambda routing: routing) -> Output:
        return self._run(self.mixture, x_BD, noise, route)

    def step(self, x_BD: Tensor, y_B: Tensor, output: Output, noise: Noise) -> Step:
        return self.mixture.step(x_BD, y_B, output, noise)

    def losses(self, step: Step) -> tuple[Tensor, Losses]:
        loss_B = self.objective(step)
        check_shape("objective", self.objective, loss_B, step.y_B.shape)
        return loss_B, Losses(loss_B.mean(-1), *regularized(self.regularizers, step, loss_B.shape[:-1], self.ranks))

    @torch.no_grad()
    def after_step(self, step: Step, step_sizes: StepSizes) -> None:
        for regularizer in self.regularizers.values():
            regularizer.after_step(step, step_sizes)
        for controller in self.controllers.values():
            controller.after_step(step)

    def readings(self, losses: Losses) -> dict[str, Tensor]:
        return readings(losses.raw, losses.weighted, self.regularizers, self.controllers)

    def routings(self, output: Output) -> Mapping[str, Routing]:
        return {"": output.routing}

    def assigned(self, output: Output, y_B: Tensor) -> Tensor:
        """Each sample's arg-max expert, -1 if it has none."""
        return output.routing.expert_B

    def joined(self, assigned: Sequence[Tensor]) -> Tensor:
        return torch.cat([*assigned], -1)

    def fit(self, data: Data, training_batch: int) -> None:
        fit(self.mixture, data, training_batch)

    def _constrain(self, routing: Routing) -> Routing:
        for controller in self.controllers.values():
            routing = controller.constrain(routing)
        return routing
