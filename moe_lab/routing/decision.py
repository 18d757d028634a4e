"""The data that flows through a mixture.

Legend of axes, used in every name of the project: **R** runs in a stack, **B** samples of a batch (**N** of a split),
**E** experts, **K** selected experts, **C** classes, **D** input features, **H** hidden features, **I** and **O** the
inputs and outputs of a layer, **1** an axis of size one. ``weights_BE`` has the axes [..., B, E]; whatever stands
before the named axes (nothing, or R) is nobody's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Routing:
    """What a gate decides for every sample of a batch.

    probs_BE:    the full distribution over experts, before selection, capacity and bias; rows sum to one.
    weights_BE:  what multiplies the experts; zero where an expert is not selected.
    selected_BE: bool, the experts that run.
    log_weights_BE: the logarithm of the weights, -inf where not selected, from a gate whose rows sum to one: exact
                 where a weight itself has long become zero in floating point.
    logits_BE:   the clean scores before noise and temperature, where the gate has them.
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
        """The arg-max expert of every sample: of equal weights the lowest index, -1 where no expert has the sample."""
        return torch.where((self.weights_BE > 0).any(-1), self.weights_BE.argmax(-1), -1)

    @property
    def chosen_BE(self) -> Tensor:
        """bool, the experts that a sample chose, before capacity took some of them away: the extra of this name where
        the gate gives it, else ``selected_BE``."""
        return self.extras.get("chosen_BE", self.selected_BE)

    def without(self, gone_E: Tensor) -> "Routing":
        """Without some experts (bool) the others keep their weights; rows that sum to one are divided by their new sum,
        and those that the missing experts had alone are shared out evenly."""
        selected_BE = self.selected_BE & ~gone_E
        if self.log_weights_BE is None:
            return replace(self, weights_BE=self.weights_BE.masked_fill(gone_E, 0.0), selected_BE=selected_BE)
        had_alone_B1 = ~selected_BE.any(-1, keepdim=True)
        left_BE = torch.where(had_alone_B1, 0.0, self.log_weights_BE).masked_fill(gone_E, -torch.inf)
        log_weights_BE = left_BE.log_softmax(-1)
        weights_BE = log_weights_BE.exp()
        return replace(self, weights_BE=weights_BE, selected_BE=weights_BE > 0, log_weights_BE=log_weights_BE)
