"""The usual gate: three small steps that combine freely."""

from torch import Tensor

from moe_lab.noise import Noise
from moe_lab.parts import Combine, Gate, Score, Select, Sizes, Weigh
from moe_lab.ranges import Count
from moe_lab.routing import Routing


class ComposedGate(Gate):
    """Score, select, weigh: logits from inputs, experts from logits, weights from both.

    score:   inputs (and hidden features, where it needs them) -> logits_BE.
    select:  logits_BE -> selected_BE.
    weigh:   logits_BE, selected_BE -> probs_BE (before selection) and weights_BE.
    k:       experts a sample where the config's k is null; null here: all of them.
    combine: "probabilities" or "logits"; null: resolved from the gate and k when the config is composed.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        score: Score,
        select: Select,
        weigh: Weigh,
        k: Count | None = None,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.score = score
        self.select = select
        self.weigh = weigh
        self.needs_hidden = score.needs_hidden

    @property
    def rows_sum_to_one(self) -> bool:
        return self.weigh.rows_sum_to_one

    @property
    def usable_k(self) -> range:
        return self.select.usable_k

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing:
        logits_BE = self.score(x_BD, hidden_BEH, noise)
        selected_BE = self.select(logits_BE, noise)
        probs_BE, weights_BE, log_weights_BE = self.weigh(logits_BE, selected_BE)
        return Routing(probs_BE, weights_BE, selected_BE, log_weights_BE, logits_BE)
