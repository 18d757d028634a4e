"""The roles of the three steps of a composed gate: score, select, weigh. moe_lab/parts/stepped.py joins them.

docs/add-a-part.md and moe_lab/parts/roles.py have the rules for all parts.
"""

from abc import abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from moe_lab.layers.noise import Noise
from moe_lab.parts.roles import Sizes
from moe_lab.parts.traits import Active, Mode
from moe_lab.routing.outputs import ExpertsOutput


class Score(nn.Module):
    """First step of a composed gate: inputs -> logits_BE."""

    #: traits of the gate: it is given what all experts compute; its logits are logarithms of probabilities
    reads_experts: ClassVar[bool] = False
    normalized: ClassVar[bool] = False
    #: its layer ``head`` sees the input itself, so that it has one weight a pixel and expert
    linear_in_input: ClassVar[bool] = False
    #: as the gate's trait: a fixed hash of the sample's values
    hashes_input: ClassVar[frozenset[Mode]] = frozenset()

    @abstractmethod
    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor: ...

    def columns(self) -> tuple[Tensor, ...] | None:
        """Views [..., E] of what each expert has of its own here; None where no expert can be added later."""
        return None


class Select(nn.Module):
    """Second step of a composed gate: logits_BE -> chosen_BE (bool), the experts that are weighed."""

    #: traits of the gate; ``extras`` are those that ``keep`` gives
    extras: ClassVar[frozenset[str]] = frozenset()
    active: ClassVar[Active] = "k"
    balanced: ClassVar[bool] = False
    k: ClassVar[Literal["any"] | int] = "any"
    batch_dependent: frozenset[Mode] = frozenset()
    #: in training experts are drawn by their probability
    draws: ClassVar[bool] = False
    #: chooses as well among some of the experts, the logits of the others being -inf
    grows: ClassVar[bool] = False

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes

    def biased(self, logits_BE: Tensor) -> Tensor:
        """What is compared: the logits, plus ``selection_bias_1E`` where a part has this buffer for controllers."""
        return logits_BE

    @abstractmethod
    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor: ...

    def keep(self, logits_BE: Tensor, chosen_BE: Tensor, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """Which chosen experts keep the sample after they are weighed, and the routing's extras; here all, and none."""
        return chosen_BE, {}


class Weigh(nn.Module):
    """Third step of a composed gate: logits_BE and selected_BE -> (probs_BE, weights_BE, log_weights_BE).

    ``log_weights_BE`` is -inf where an expert is not selected; None where rows of weights do not sum to one. A part
    may say in ``resolved`` what options that are null mean here, so that aliases have one key.
    """

    #: trait of the gate: an expert whose logit is zero has no weight
    silent: ClassVar[bool] = False
    #: the weight of a chosen expert may be zero; then it is not selected
    sparse: ClassVar[bool] = False
    #: which of weights and probs do not depend smoothly on the logits, so that no gradient flows through them
    still: ClassVar[frozenset[str]] = frozenset()

    @property
    @abstractmethod
    def rows_sum_to_one(self) -> bool: ...

    @abstractmethod
    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]: ...
