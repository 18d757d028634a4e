"""The roles of the three steps of a composed gate: score, select, weigh. moe_lab/parts/stepped.py joins them.

docs/add-a-part.md and moe_lab/parts/roles.py have the rules for all parts.
"""

from abc import abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from moe_lab.layers.noise import Noise
from moe_lab.parts.roles import Gate, Sizes
from moe_lab.parts.traits import Active, Mode
from moe_lab.routing.outputs import ExpertsOutput


class Score(nn.Module):
    """First step of a composed gate: inputs -> logits_BE."""

    #: traits of the gate: it gets the outputs of all experts; its logits are logarithms of probabilities
    reads_experts: ClassVar[bool] = False
    normalized: ClassVar[bool] = False
    #: its layer ``head`` acts on the input itself, so it has one weight per pixel and expert
    linear_in_input: ClassVar[bool] = False
    #: as the gate's trait: a fixed hash of the sample's values
    hashes_input: ClassVar[frozenset[Mode]] = frozenset()

    @abstractmethod
    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor: ...

    def columns(self) -> tuple[Tensor, ...] | None:
        """Views [..., E] of each expert's own parameters here; None if no expert can be added later."""
        return None


class Select(nn.Module):
    """Second step of a composed gate: logits_BE -> chosen_BE (bool), the experts that are weighed."""

    #: traits of the gate; ``extras`` are those of ``keep``
    extras: ClassVar[frozenset[str]] = frozenset()
    active: ClassVar[Active] = "k"
    balanced: ClassVar[bool] = False
    k: ClassVar[Literal["any"] | int] = "any"
    batch_dependent: frozenset[Mode] = frozenset()
    #: in training experts are drawn by their probability
    draws: ClassVar[bool] = False
    #: a row depends on rows of its document that come after it
    looks_ahead: bool = False
    #: can choose among some of the experts, if the logits of the others are -inf
    grows: ClassVar[bool] = False

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        #: how many rows side by side are one document
        self.places = sizes.places

    def biased(self, logits_BE: Tensor) -> Tensor:
        """The compared values: the logits, plus ``selection_bias_1E`` if a part has this buffer for controllers."""
        return logits_BE

    @abstractmethod
    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor: ...

    def keep(self, logits_BE: Tensor, chosen_BE: Tensor, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """The chosen experts that keep the sample after weighing, and the routing's extras; here all and none."""
        return chosen_BE, {}


def tell_documents(gate: nn.Module, places: int) -> None:
    """Tell a gate and its selection that so many rows side by side are one document, such as a window of tokens or the
    patches of an image, where that is known only now; otherwise it is ``Sizes.places``."""
    for part in gate.modules():
        if isinstance(part, (Gate, Select)):
            part.places = places


class Weigh(nn.Module):
    """Third step of a composed gate: logits_BE and selected_BE -> (probs_BE, weights_BE, log_weights_BE).

    ``log_weights_BE`` is -inf if an expert is not selected; None if rows of weights do not sum to one. A part may
    define in ``resolved`` the meaning of null options, so that equivalent configs have one key.
    """

    #: trait of the gate: an expert whose logit is zero has no weight
    silent: ClassVar[bool] = False
    #: the weight of a chosen expert may be zero; then it is not selected
    sparse: ClassVar[bool] = False
    #: those of weights and probs that do not depend smoothly on the logits, so that they have no gradient
    still: ClassVar[frozenset[str]] = frozenset()

    @property
    @abstractmethod
    def rows_sum_to_one(self) -> bool: ...

    @abstractmethod
    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]: ...
