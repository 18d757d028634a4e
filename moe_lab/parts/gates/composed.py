"""The usual gate: three small steps that combine freely."""

from torch import Tensor

from moe_lab.parts import ExpertsOutput, Noise, Routing, SteppedGate


class ComposedGate(SteppedGate):
    """Score, select, weigh: logits from inputs, experts from logits, weights from both."""

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        return self.route(self.score(x_BD, experts, noise), noise)
