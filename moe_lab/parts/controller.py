"""The role of controllers. docs/add-a-part.md and moe_lab/parts/roles.py have the rules for all parts."""

from typing import ClassVar

from torch import Tensor, nn

from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import AnyStep, Gate
from moe_lab.routing.decision import Routing


class Controller(nn.Module):
    """Updates a state once per step without a gradient, such as a bias, a temperature or a constraint.

    Its state is in persistent buffers, written in place over trailing axes, so that every run of a stack has its own.
    All methods except ``constrain`` are called without gradient, and all only in training.
    """

    #: refuses mixtures of fewer experts, and gates that select fewer for a sample
    least_experts: ClassVar[int] = 2
    least_k: ClassVar[int] = 1
    #: name of the gate's buffer that it updates, which is then kept in checkpoints; refuses gates that have none
    steers: ClassVar[str | None] = None

    @property
    def constrains(self) -> bool:
        """Whether it changes the gate's decisions."""
        return type(self).constrain is not Controller.constrain

    def misfit(self, gate: Gate) -> Reason | None:
        """The reason why it cannot act on this gate, beyond its declarations; None if it can.

        It also finds gates that fit.
        """
        return None

    def before_step(self, gate: Gate, progress: Tensor) -> None:
        """Called at the start of a step; ``progress`` [...] is the share of all training steps that are done."""

    def constrain(self, routing: Routing) -> Routing:
        """The gate's decision as changed in training."""
        return routing

    def after_step(self, step: AnyStep) -> None:
        """Called after the optimizer's step."""

    def readings(self) -> dict[str, Tensor]:
        """Its state for the history, each [...]."""
        return {}
