"""The base class of gates of three steps."""

import torch
from torch import Tensor

from moe_lab.config.ranges import Count
from moe_lab.errors import given
from moe_lab.layers.linear import Linear
from moe_lab.layers.noise import Noise
from moe_lab.layers.stacking import count_parameters
from moe_lab.parts.roles import Combine, Gate, Sizes
from moe_lab.parts.steps import Score, Select, Weigh
from moe_lab.parts.traits import Traits
from moe_lab.routing.choice import k_largest
from moe_lab.routing.decision import Routing


class SteppedGate(Gate):
    """A gate of three steps: score, select, weigh. The steps' declarations hold for the gate.

    score:   inputs (and hidden features, if it needs them) -> logits_BE.
    select:  logits_BE -> selected_BE.
    weigh:   logits_BE, selected_BE -> probs_BE (before selection), weights_BE and log_weights_BE.
    k:       experts per sample if the config's k is null; null here: all of them.
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
        self.make_layers()

    def make_layers(self) -> None:
        """The gate's own layers besides those of its steps; here none."""

    @property
    def traits(self) -> Traits:
        weigh, select = self.weigh, self.select
        taught_by_weights = "weights_BE" not in weigh.still or not count_parameters(self)
        return Traits(
            rows_sum_to_one=weigh.rows_sum_to_one and select.active == "k",
            active="learned" if weigh.sparse and select.active == "k" else select.active,
            silent=weigh.silent,
            balanced=select.balanced,
            k=select.k,
            learns_from=None if taught_by_weights else "draw" if select.draws else "scores",
            reads_experts=self.score.reads_experts,
            normalized=self.score.normalized,
            extras=select.extras,
            still=weigh.still | select.extras,
            hashes_input=self.score.hashes_input,
            batch_dependent=select.batch_dependent,
            looks_ahead=select.looks_ahead,
        )

    @property
    def head(self) -> Linear | None:
        head = getattr(self.score, "head", None)
        return head if isinstance(head, Linear) and head.outputs == self.sizes.experts else None

    def route(self, logits_BE: Tensor, noise: Noise) -> Routing:
        """Select and weigh."""
        return self._weighed(logits_BE, self.select(logits_BE, noise), noise)

    def without(self, routing: Routing, gone_E: Tensor, noise: Noise) -> Routing:
        """Mask the logits of these experts; the steps after the score are repeated."""
        logits_BE = given(routing.logits_BE, "logits_BE").masked_fill(gone_E, -torch.inf)
        return self._weighed(logits_BE, self.select(logits_BE, noise) & ~gone_E, noise)

    def with_more(self, routing: Routing, more: int, noise: Noise) -> Routing:
        """What the gate decides if every row selects so many experts more, as far as there are: those that compare best
        among the others. Not for gates whose rows depend on their batch-mates."""
        logits_BE = given(routing.logits_BE, "logits_BE")
        others_BE = self.select.biased(logits_BE).masked_fill(routing.chosen_BE, -torch.inf)
        return self._weighed(logits_BE, routing.chosen_BE | k_largest(others_BE, more), noise)

    def _weighed(self, logits_BE: Tensor, chosen_BE: Tensor, noise: Noise) -> Routing:
        """Weigh the chosen experts, then drop those that are not kept."""
        probs_BE, weights_BE, log_weights_BE = self.weigh(logits_BE, chosen_BE)
        kept_BE, extras = self.select.keep(logits_BE, chosen_BE, noise)
        if kept_BE is not chosen_BE:
            weights_BE, log_weights_BE = weights_BE.masked_fill(~kept_BE, 0.0), None
        selected_BE = kept_BE & (weights_BE > 0) if self.weigh.sparse else kept_BE
        return Routing(probs_BE, weights_BE, selected_BE, log_weights_BE, logits_BE, extras)
