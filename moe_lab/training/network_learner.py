"""The learner of a network of mixture layers, with regularizers and controllers for each layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from moe_lab.layers.noise import NoiseByLayer, noise_by_layer
from moe_lab.layers.ranks import Ranks
from moe_lab.layers.stacking import by_layer
from moe_lab.mixture.mixture import Constrain
from moe_lab.models.network import Network
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import LayerStep, Regularizer, StepSizes
from moe_lab.routing.decision import Routing
from moe_lab.routing.values import NetworkOutput
from moe_lab.training.learner import Learner, Losses, readings, regularized
from moe_lab.training.tally import of_layer


@dataclass(frozen=True)
class NetworkStep:
    """The data of one training step of a network, and of each of its mixture layers, by name."""

    y_B: Tensor
    output: NetworkOutput
    layers: Mapping[str, LayerStep]

    @property
    def routing(self) -> Mapping[str, Routing]:
        return {name: layer.routing for name, layer in self.layers.items()}


class NetworkLearner(Learner[NoiseByLayer, NetworkOutput, NetworkStep]):
    """A network whose loss is the cross entropy of its prediction, -log q(y|x), plus for each mixture layer the
    weighted values of its regularizers.

    regularizers, controllers: by layer, and within it by name. A layer's controllers act only on its gate.
    """

    assigned_axes = 3

    def __init__(
        self,
        network: Network,
        classes: int,
        regularizers: Mapping[str, dict[str, Regularizer]],
        controllers: Mapping[str, dict[str, Controller]],
    ) -> None:
        super().__init__()
        self.network = network
        self._classes = classes
        self.regularizers = by_layer(regularizers)
        self.controllers = by_layer(controllers)

    @property
    def steered(self) -> bool:
        return any(len(several) for several in self.controllers.values())

    @property
    def batch_dependent(self) -> bool:
        return self.network.batch_dependent

    @property
    def numbers(self) -> int:
        return self.network.numbers

    @property
    def places(self) -> int:
        return self.network.places

    @property
    def by_expert(self) -> list[nn.Parameter]:
        """Always empty: a network's optimizer updates all of its parameters."""
        return []

    def noise(self, seeds: Sequence[int], name: str, device: torch.device, *, stacked: bool = False) -> NoiseByLayer:
        return noise_by_layer(seeds, list(self.network.routed), device, name=name, stacked=stacked)

    @torch.no_grad()
    def before_step(self, progress: Tensor) -> None:
        for name, layer in self.network.routed.items():
            for controller in self.controllers[name].values():
                controller.before_step(layer.gate, progress)

    def forward(self, x_BD: Tensor, noise: NoiseByLayer, route: Constrain = lambda routing: routing) -> NetworkOutput:
        route_of = {name: self._constrained(name, route) for name in self.network.routed}
        output: NetworkOutput = self._run(self.network, x_BD, noise, route_of)
        return output if self.ranks is None else self._with_inputs(output, self.ranks)

    def _with_inputs(self, output: NetworkOutput, ranks: Ranks) -> NetworkOutput:
        """With the inputs of all ranks' rows, without gradient, of layers with a regularizer that reads them."""
        layers = {
            name: replace(layer, x_TD=ranks.gather(layer.x_TD.detach()))
            if any(one.reads_input for one in self.regularizers[name].values())
            else layer
            for name, layer in output.layers.items()
        }
        return replace(output, layers=layers)

    def predict(self, x_BD: Tensor, noise: NoiseByLayer, route: Constrain = lambda routing: routing) -> NetworkOutput:
        return self._run(self.network, x_BD, noise, dict.fromkeys(self.network.routed, route))

    def step(self, x_BD: Tensor, y_B: Tensor, output: NetworkOutput, noise: NoiseByLayer) -> NetworkStep:
        routed = self.network.routed
        groups = self.network.groups(y_B, self._classes)
        layers = {name: routed[name].step(one, noise[name], groups) for name, one in output.layers.items()}
        return NetworkStep(y_B, output, layers)

    def losses(self, step: NetworkStep) -> tuple[Tensor, Losses]:
        loss_B = -step.output.log_likelihood_B(step.y_B)
        raw: dict[str, Tensor] = {}
        weighted: dict[str, Tensor] = {}
        for name, layer in step.layers.items():
            found = regularized(self.regularizers[name], layer, loss_B.shape[:-1], self.ranks)
            for into, values in zip((raw, weighted), found, strict=True):
                into |= {f"{name}.{one}": value for one, value in values.items()}
        return loss_B, Losses(loss_B.mean(-1), raw, weighted)

    @torch.no_grad()
    def after_step(self, step: NetworkStep, step_sizes: StepSizes) -> None:
        for name, layer in step.layers.items():
            for regularizer in self.regularizers[name].values():
                regularizer.after_step(layer, step_sizes)
            for controller in self.controllers[name].values():
                controller.after_step(layer)

    def readings(self, losses: Losses) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in self.network.routed:
            raw, weighted = (_of(name, values) for values in (losses.raw, losses.weighted))
            own = readings(raw, weighted, self.regularizers[name], self.controllers[name])
            found |= {f"{of_layer(name)}{key}": value for key, value in own.items()}
        return found

    def routings(self, output: NetworkOutput) -> Mapping[str, Routing]:
        return {name: layer.routing for name, layer in output.layers.items()}

    def assigned(self, output: NetworkOutput, y_B: Tensor) -> Tensor:
        """Rows of each layer by their arg-max expert and their class (``Network.class_T``), [..., L, E, C] int64; E
        is that of the layer with most experts, and rows without an expert count for none."""
        experts = max(layer.experts.count for layer in self.network.routed.values())
        class_T = self.network.class_T(y_B)
        counts = []
        for layer in output.layers.values():
            expert_T = layer.routing.expert_B
            cell_T = torch.where(expert_T < 0, experts * self._classes, expert_T * self._classes + class_T)
            zeros = cell_T.new_zeros(*cell_T.shape[:-1], experts * self._classes + 1)
            counted = zeros.scatter_add(-1, cell_T, torch.ones_like(cell_T))
            counts.append(counted[..., :-1].unflatten(-1, (experts, self._classes)))
        return torch.stack(counts, -3)

    def joined(self, assigned: Sequence[Tensor]) -> Tensor:
        return torch.stack([*assigned]).sum(0)

    def _constrained(self, name: str, route: Constrain) -> Constrain:
        def constrain(routing: Routing) -> Routing:
            for controller in self.controllers[name].values():
                routing = controller.constrain(routing)
            return route(routing)

        return constrain


def _of(layer: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values of one layer, with its prefix removed from their names."""
    start = f"{layer}."
    return {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}
