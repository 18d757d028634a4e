"""A mixture that has all its experts in memory from the start, and lets them in one after another: those that are not
there yet get no sample, as if they did not exist, and nothing moves them."""

from collections.abc import Iterable

import torch
from torch import Tensor

from moe_lab.errors import given
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture
from moe_lab.parts.gates.composed import ComposedGate
from moe_lab.parts.roles import Gate
from moe_lab.routing.decision import Routing


def columns(gate: Gate) -> tuple[Tensor, ...] | None:
    """Views [..., E] of what each expert has of its own in a gate; None where a gate cannot take in experts later."""
    if not isinstance(gate, ComposedGate) or not gate.select.grows or gate.learns_from != "prediction":
        return None
    return gate.score.columns()


def among_first(gate: Gate, routing: Routing, count: int) -> Routing:
    """What the gate decides if only the first ``count`` experts are there. A gate that grows draws nothing for it."""
    experts = gate.sizes.experts
    if count == experts:
        return routing
    return gate.without(routing, torch.arange(experts, device=routing.weights_BE.device) >= count, Noise([]))


class Still:
    """Experts of a mixture whose parameters are to stay as they are, whatever an optimizer's step makes of them: with
    weight decay or old momentum it moves also what has no gradient."""

    def __init__(self, mixture: Mixture, *, experts: Iterable[slice], outputs: slice, stacked: bool) -> None:
        """experts: which experts stand still in all that they compute.
        outputs: which experts' own part of the gate does.
        """
        views = [_along(one, int(stacked), span) for span in experts for one in mixture.experts.parameters()]
        views += [_along(one, -1, outputs) for one in given(columns(mixture.gate), "a gate that grows")]
        self._kept = [(view, view.clone()) for view in views]

    @torch.no_grad()
    def restore(self) -> None:
        for view, values in self._kept:
            view.copy_(values)


def _along(tensor: Tensor, axis: int, span: slice) -> Tensor:
    """A view of the values, where the tensor itself may be a parameter."""
    return tensor.detach().narrow(axis, span.start, span.stop - span.start)
