"""The mixture: experts, a gate and the rule that combines the experts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn

from moe_lab.errors import expect
from moe_lab.layers.convolution import BatchNorm2d
from moe_lab.layers.noise import Noise
from moe_lab.mixture.dispatchers import Dispatcher, for_every_expert
from moe_lab.parts.checks import combine_rule
from moe_lab.parts.networks.conv import first_layers_at_once
from moe_lab.parts.roles import Experts, Gate, Step
from moe_lab.routing.combine import RULES, combine_selected
from moe_lab.routing.decision import Routing
from moe_lab.routing.groups import Groups
from moe_lab.routing.inference import Inference, infer
from moe_lab.routing.outputs import ExpertOutput, GaussianMixtureOutput, MixtureOutput, Predicted, predicted

Constrain = Callable[[Routing], Routing]
Output = MixtureOutput | GaussianMixtureOutput

#: if there are at least this times k experts, evaluation combines only the selected ones
FEW = 16


class Mixture(nn.Module):
    """x_BD -> MixtureOutput: experts weighted by the gate, combined in log space.

    ``dispatcher`` runs the experts in training; None: the one that runs every expert, as evaluation always does. Values
    and gradients do not depend on it. ``inference`` decides how the gate's weights are used in evaluation.
    """

    def __init__(
        self, experts: Experts, gate: Gate, inference: Inference = "mixture", dispatcher: Dispatcher | None = None
    ) -> None:
        super().__init__()
        self._for_every_expert = for_every_expert(gate)
        self.dispatcher = dispatcher or self._for_every_expert
        self.experts = experts
        self.gate = gate
        self.inference = inference
        self._rule = combine_rule(gate)
        self.combine = RULES[self._rule]

    @property
    def batch_dependent(self) -> bool:
        """Whether a prediction depends on its batch-mates in the mixture's current mode, training or evaluation."""
        norms = (part for part in self.modules() if isinstance(part, BatchNorm2d))
        return self.gate.batch_dependent or any(norm.training or norm.batch_statistics_at_test for norm in norms)

    @property
    def numbers(self) -> int:
        """Size of the largest tensor that all experts compute from one sample: their predictions or their features."""
        sizes = self.gate.sizes
        return sizes.experts * max(1, sizes.classes, self.experts.hidden_features or 0)

    def forward(self, x_BD: Tensor, noise: Noise, constrain: Constrain = lambda routing: routing) -> Output:
        """The mixture's output. ``constrain`` may change the gate's decision, as controllers do in training."""
        if not self.dispatcher.every_expert and (self.training or self.dispatcher.in_evaluation):
            routing = constrain(self.dispatcher.decide(self.gate, x_BD, noise))
            return self._of_selected(x_BD, routing if self.training else infer(routing, self.inference, noise))
        routing, experts = self.decide(x_BD, noise)
        return self.answer(constrain(routing), experts, noise)

    def _of_selected(self, x_BD: Tensor, routing: Routing) -> MixtureOutput:
        inputs, way = self.dispatcher.dispatch(x_BD, routing)
        experts = self.dispatcher.combine(self.experts, self.experts.compute(inputs), way)
        narrow = self.dispatcher.weights(routing, way, self._rule)
        return MixtureOutput(routing, None, self.combine(narrow, expect(ExpertOutput, experts).log_probs_BEC))

    def step(self, x_BD: Tensor, y_B: Tensor, output: Output, noise: Noise) -> Step:
        """The data of a training step that objectives, regularizers and controllers may read."""
        groups = {name: Groups(y_B, self.gate.sizes.classes) for name in self.scopes}
        return Step(x_BD, y_B, output, output.routing, self.gate, self.experts, noise, groups=groups)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Attributes of samples by whose groups a regularizer may be computed."""
        return ("class",) if self.gate.sizes.classes else ()

    def decide(self, x_BD: Tensor, noise: Noise) -> tuple[Routing, Predicted]:
        """The gate's decision, and the predictions of all experts."""
        dispatcher = self.dispatcher if self.dispatcher.every_expert else self._for_every_expert
        if dispatcher.follows_gate:
            routing = self.gate(x_BD, None, noise)
            inputs, way = dispatcher.dispatch(x_BD, routing)
            return routing, predicted(dispatcher.combine(self.experts, self.experts.compute(inputs), way))
        inputs, way = dispatcher.dispatch(x_BD, None)
        with first_layers_at_once((self.experts, expect(Tensor, inputs)), (self.gate, x_BD)):
            experts = predicted(dispatcher.combine(self.experts, self.experts.compute(inputs), way))
            return self.gate(x_BD, experts if self.gate.traits.reads_experts else None, noise), experts

    def answer(self, routing: Routing, experts: Predicted, noise: Noise) -> Output:
        """The mixture of the experts' predictions, by the rule of combination."""
        if self.training:
            return experts.mix(routing, self.combine)
        sizes = self.gate.sizes
        few = self.gate.traits.selects_k and sizes.experts >= FEW * sizes.k
        combine = partial(combine_selected, self._rule, sizes.k) if few else self.combine
        return experts.mix(infer(routing, self.inference, noise), combine)


@contextmanager
def as_trained(mixture: Mixture) -> Iterator[None]:
    """Within the block, the mixture is in evaluation mode but uses its weights as in training, regardless of
    ``inference``."""
    training, inference = mixture.training, mixture.inference
    mixture.eval()
    mixture.inference = "mixture"
    try:
        yield
    finally:
        mixture.train(training)
        mixture.inference = inference
