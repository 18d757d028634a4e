"""The role of controllers, and what they and regularizers lack in a gate. What docs/add-a-part.md and moe_lab/parts.py
say of parts holds for controllers as well."""

from typing import ClassVar

from torch import Tensor, nn

from moe_lab.layers import buffers_named
from moe_lab.parts import Gate, Regularizer, Step
from moe_lab.routing import Routing


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

    def misfit(self, gate: Gate) -> str | None:
        """What it lacks in this gate, to stand between "needs" and ", or leave it out"; None where it fits."""
        return None

    def before_step(self, gate: Gate, progress: Tensor) -> None:
        """``progress`` [...] is the share of all training steps that are done."""

    def constrain(self, routing: Routing) -> Routing:
        """What becomes of the gate's decision in training."""
        return routing

    def after_step(self, step: Step) -> None:
        """After the optimizer's step."""

    def readings(self) -> dict[str, Tensor]:
        """Its state for the history, each [...]."""
        return {}


#: extra -> a gate that gives it
_GIVEN_BY = {"load_probs_BE": "noisy_top_k", "l0_BE": "hard_concrete", "selector_entropy": "dselect_k"}


def lack(part: Regularizer | Controller, gate: Gate) -> str | None:
    """Why a part cannot act on a gate, as "needs ...: what to do instead"; None where it can."""
    sizes = gate.sizes
    if part.least_experts > sizes.experts:
        return f"needs at least {part.least_experts} experts, and there is {sizes.experts}: raise experts.count"
    specific = _lacks_extras(part, gate) if isinstance(part, Regularizer) else _lacks_steering(part, gate)
    misfit = part.misfit(gate)
    return specific or (f"needs {misfit}" if misfit else None)


def _lacks_extras(regularizer: Regularizer, gate: Gate) -> str | None:
    missing = sorted(regularizer.needs_extras - gate.extras)
    if not missing:
        return None
    such_as = ", such as ".join(["take another gate", *(_GIVEN_BY[name] for name in missing[:1] if name in _GIVEN_BY)])
    return f"needs a gate that gives {', '.join(missing)}, and this one does not: {such_as}"


def _lacks_steering(controller: Controller, gate: Gate) -> str | None:
    if controller.least_k > gate.sizes.k:
        return f"needs at least {controller.least_k} experts a sample, and k={gate.sizes.k}: raise k"
    if controller.steers and not buffers_named(gate, controller.steers):
        moved = controller.steers.rpartition("_")[0].replace("_", " ")
        return f"needs a gate with a {moved} to move, and this one has none: take another gate"
    return None
