"""The usual gate: three small steps that combine freely."""

from torch import Tensor

from moe_lab.noise import Noise
from moe_lab.parts import SteppedGate
from moe_lab.routing import Routing


class ComposedGate(SteppedGate):
    """Score, select, weigh: logits from inputs, experts from logits, weights from both."""

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing:
        logits_BE = self.score(x_BD, hidden_BEH, noise)
        selected_BE = self.select(logits_BE, noise)
        probs_BE, weights_BE, log_weights_BE = self.weigh(logits_BE, selected_BE)
        return Routing(probs_BE, weights_BE, selected_BE, log_weights_BE, logits_BE)
