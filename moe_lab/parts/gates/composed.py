"""The usual gate: three small steps that combine freely."""

from torch import Tensor

from moe_lab.parts import Noise, Routing, SteppedGate


class ComposedGate(SteppedGate):
    """Score, select, weigh: logits from inputs, experts from logits, weights from both."""

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing:
        return self.route(self.score(x_BD, hidden_BEH, noise), noise)
