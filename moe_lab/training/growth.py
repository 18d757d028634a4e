"""Growing mixtures: all experts are in memory from the start and are admitted one after another. Experts that are not
admitted yet get no sample and no update."""

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
    """Views [..., E] of the values in a gate that belong to single experts; None if a gate cannot admit experts
    later."""
    if not isinstance(gate, ComposedGate) or not gate.select.grows or gate.learns_from != "prediction":
        return None
    return gate.score.columns()


def among_first(gate: Gate, routing: Routing, count: int) -> Routing:
    """The gate's decision if only the first ``count`` experts exist. A gate that grows draws no random numbers for
    it."""
    experts = gate.sizes.experts
    if count == experts:
        return routing
    return gate.without(routing, torch.arange(experts, device=routing.weights_BE.device) >= count, Noise([]))


class Still:
    """Frozen experts of a mixture: their parameters are restored after every optimizer step, because weight decay and
    momentum also move parameters without a gradient.
    """

    def __init__(self, mixture: Mixture, *, experts: Iterable[slice], outputs: slice, stacked: bool) -> None:
        """experts: the experts whose parameters are frozen.
        outputs: the experts whose own values in the gate are frozen.
        """
        views = [_along(one, int(stacked), span) for span in experts for one in mixture.experts.parameters()]
        views += [_along(one, -1, outputs) for one in given(columns(mixture.gate), "a gate that grows")]
        self._kept = [(view, view.clone()) for view in views]

    @torch.no_grad()
    def restore(self) -> None:
        for view, values in self._kept:
            view.copy_(values)


def _along(tensor: Tensor, axis: int, span: slice) -> Tensor:
    """A view of part of a tensor's values, also if the tensor is a parameter."""
    return tensor.detach().narrow(axis, span.start, span.stop - span.start)
