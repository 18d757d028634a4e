"""The data that flows through a mixture.

Legend of axes, used in every name of the project: **R** runs in a stack, **B** samples of a batch (**N** of a split),
**E** experts, **K** selected experts, **C** classes, **D** input features, **H** hidden features, **I** and **O** the
inputs and outputs of a layer, **1** an axis of size one. ``weights_BE`` has the axes [..., B, E]; whatever stands
before the named axes (nothing, or R) is nobody's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    def chosen_BE(self) -> Tensor:
        """bool, the experts that a sample chose, before capacity took some of them away: the extra of this name where
        the gate gives it, else ``selected_BE``."""
        return self.extras.get("chosen_BE", self.selected_BE)


@dataclass(frozen=True)
class ExpertOutput:
    """What a bank of experts gives: log-probabilities in nats, and the last hidden layer *before* its ReLU."""

    log_probs_BEC: Tensor
    hidden_BEH: Tensor | None

    def log_likelihood_BE(self, y_B: Tensor) -> Tensor:
        """log P_e(y|x) of the class y, in nats."""
        return _at_class(self.log_probs_BEC, y_B.unsqueeze(-1))


@dataclass(frozen=True)
class MixtureOutput:
    """Gate, experts and their combination on one batch; ``log_probs_BC`` is the mixture's prediction in nats."""

    routing: Routing
    experts: ExpertOutput
    log_probs_BC: Tensor

    def log_likelihood_B(self, y_B: Tensor) -> Tensor:
        """log q(y|x) of the class y, in nats."""
        return _at_class(self.log_probs_BC, y_B)


def _at_class(log_probs: Tensor, y: Tensor) -> Tensor:
    """The entry of the class y along the last axis of [..., C]."""
    index = y.unsqueeze(-1).expand(*log_probs.shape[:-1], 1)
    return log_probs.gather(-1, index).squeeze(-1)
