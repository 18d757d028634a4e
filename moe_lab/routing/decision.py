"""The routing of a batch, and the legend of axes.

Legend of axes, used in every name of the project: **R** runs in a stack, **B** samples of a batch (**N** of a split),
**E** experts, **K** selected experts, **C** classes, **D** input features, **H** hidden features, **I** and **O** the
inputs and outputs of a layer, **1** an axis of size one. ``weights_BE`` has the axes [..., B, E]; code works for any
axes before the named ones (none, or R).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Routing:
    """A gate's decision for every sample of a batch.

    probs_BE:    the full distribution over experts, before selection, capacity and bias; rows sum to one.
    weights_BE:  factors of the experts; zero for experts that are not selected.
    selected_BE: bool, the experts that run.
    log_weights_BE: logarithms of the weights, -inf if not selected, for a gate whose rows sum to one; exact even if the
                 weight itself underflows to zero.
    logits_BE:   the clean scores before noise and temperature, if the gate has them.
    extras:      the gate's own named tensors (noise scale, load probabilities, overflow ...).
    """

    probs_BE: Tensor
    weights_BE: Tensor
    selected_BE: Tensor
    log_weights_BE: Tensor | None = None
    logits_BE: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def expert_B(self) -> Tensor:
        """The arg-max expert of every sample: the lowest index among equal weights, -1 if no expert has the sample."""
        return torch.where((self.weights_BE > 0).any(-1), self.weights_BE.argmax(-1), -1)

    @property
    def chosen_BE(self) -> Tensor:
        """bool, the experts that a sample chose before capacity dropped some: the extra of this name if the gate gives
        it, else ``selected_BE``."""
        return self.extras.get("chosen_BE", self.selected_BE)

    def without(self, gone_E: Tensor) -> "Routing":
        """The routing with the experts in ``gone_E`` (bool) removed.

        The others keep their weights; rows that summed to one are divided by their new sum. Rows that only removed
        experts had are distributed evenly over the others.
        """
        selected_BE = self.selected_BE & ~gone_E
        if self.log_weights_BE is None:
            return replace(self, weights_BE=self.weights_BE.masked_fill(gone_E, 0.0), selected_BE=selected_BE)
        had_alone_B1 = ~selected_BE.any(-1, keepdim=True)
        left_BE = torch.where(had_alone_B1, 0.0, self.log_weights_BE).masked_fill(gone_E, -torch.inf)
        log_weights_BE = left_BE.log_softmax(-1)
        weights_BE = log_weights_BE.exp()
        return replace(self, weights_BE=weights_BE, selected_BE=weights_BE > 0, log_weights_BE=log_weights_BE)
