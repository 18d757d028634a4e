"""The mixture layer: gate and experts inside a network."""

from collections.abc import Mapping

from torch import Tensor, nn

from moe_lab.layers.noise import Noise
from moe_lab.mixture.dispatchers import Dispatcher
from moe_lab.mixture.mixture import Constrain
from moe_lab.parts.roles import Experts, Gate, LayerStep
from moe_lab.routing.groups import Groups
from moe_lab.routing.outputs import ExpertsOutput
from moe_lab.routing.values import LayerOutput, ValueOutput


class RoutedExperts(nn.Module):
    """x_TD -> LayerOutput: y_t = sum_e w_te f_e(x_t), the values of the experts weighted by the gate.

    T are the rows of all sequences together. There is no rule of combination: values are added, and rows of weights
    need not sum to one. A row without an expert (dropped because of capacity) gets zeros; the residual connection
    around the layer carries it.

    ``dispatcher`` sends rows to the experts, both in training and in evaluation; values and gradients do not depend on
    it.
    """

    def __init__(self, experts: Experts, gate: Gate, dispatcher: Dispatcher) -> None:
        super().__init__()
        self.experts = experts
        self.gate = gate
        self.dispatcher = dispatcher

    def forward(
        self,
        x_TD: Tensor,
        noise: Noise,
        constrain: Constrain = lambda routing: routing,
        *,
        raw_TI: Tensor | None = None,
    ) -> LayerOutput:
        """The layer's output. ``noise`` is the layer's own. ``constrain`` may change the gate's decision, as
        controllers do. ``raw_TI`` is the network's input at each row. A gate that hashes its input reads it in place of
        x, because x changes with every training step. None: x itself."""
        seen_TX = raw_TI if raw_TI is not None and self.gate.hashes_input else x_TD
        follows = self.dispatcher.follows_gate
        routing = constrain(self.dispatcher.decide(self.gate, seen_TX, noise)) if follows else None
        inputs, way = self.dispatcher.dispatch(x_TD, routing)
        output = values(self.dispatcher.combine(self.experts, self.experts.compute(inputs), way))
        if routing is None:
            routing = constrain(self.gate(seen_TX, output if self.gate.traits.reads_experts else None, noise))
        y_TD = output.mix(self.dispatcher.weights(routing, way, "logits").weights_BE)
        return LayerOutput(x_TD, y_TD, routing, output if self.dispatcher.every_expert else None)

    def step(self, output: LayerOutput, noise: Noise, groups: Mapping[str, Groups]) -> LayerStep:
        """The data of a training step that regularizers of the layer may read."""
        return LayerStep(output.x_TD, output, self.gate, self.experts, noise, groups)


def values(output: ExpertsOutput) -> ValueOutput:
    """The output of experts, which must be values. Raises TypeError for predictions."""
    if not isinstance(output, ValueOutput):
        raise TypeError("values are read here, and these experts predict")
    return output
