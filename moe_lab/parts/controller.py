"""The role of controllers. docs/add-a-part.md and moe_lab/parts/roles.py have the rules for all parts."""

from typing import ClassVar

from torch import Tensor, nn

from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import AnyStep, Gate
from moe_lab.routing.decision import Routing


class Controller(nn.Module):
    """Moves a state beside the gradient, once a step: a bias, a temperature, a constraint.

    Its state is kept in persistent buffers and written in place over trailing axes, so that every run of a stack has
    its own. All methods but ``constrain`` are called without gradient; none outside of training.
    """

    #: refuses mixtures of fewer experts, and gates that select fewer for a sample
    least_experts: ClassVar[int] = 2
    least_k: ClassVar[int] = 1
    #: name of the gate's buffer that it moves, which checkpoints then keep; refuses gates that have none
    steers: ClassVar[str | None] = None

    @property
    def constrains(self) -> bool:
        """Whether it changes what the gate decides."""
        return type(self).constrain is not Controller.constrain

    def misfit(self, gate: Gate) -> Reason | None:
        """Why it cannot act on this gate, beyond what it declares; None if it can. Gates that fit are found by it."""
        return None

    def before_step(self, gate: Gate, progress: Tensor) -> None:
        """``progress`` [...] is the share of all training steps that are done."""

    def constrain(self, routing: Routing) -> Routing:
        """What becomes of the gate's decision in training."""
        return routing

    def after_step(self, step: AnyStep) -> None:
        """After the optimizer's step."""

    def readings(self) -> dict[str, Tensor]:
        """Its state for the history, each [...]."""
        return {}
