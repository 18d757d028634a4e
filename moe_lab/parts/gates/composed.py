"""The usual gate: three small steps that combine freely."""

from torch import Tensor

from moe_lab.layers.noise import Noise
from moe_lab.parts.stepped import SteppedGate
from moe_lab.routing.decision import Routing


class ComposedGate(SteppedGate):
    """Score, select, weigh: logits from inputs, experts from logits, weights from both."""

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing:
        return self.route(self.score(x_BD, hidden_BEH, noise), noise)
