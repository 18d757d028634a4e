"""A mixture that has all its experts in memory from the start, and lets them in one after another: those that are not
there yet get no sample, as if they did not exist, and nothing moves them."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

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


def fits_first(part: nn.Module, state: dict[str, Tensor], prefix: str, experts: int, count: int) -> bool:
    """Whether ``state`` has, below ``prefix``, what a part keeps, of the first ``experts`` of its ``count`` experts."""
    theirs = {name.removeprefix(prefix): one.shape for name, one in state.items() if name.startswith(prefix)}
    own = {name: one.shape for name, one in part.state_dict().items()}
    return own.keys() == theirs.keys() and all(
        len(shape) == len(theirs[name])
        and all(pair in ((experts, count), (pair[0],) * 2) for pair in zip(theirs[name], shape, strict=True))
        for name, shape in own.items()
    )


@torch.no_grad()
def take_over_first(part: nn.Module, state: dict[str, Tensor], prefix: str) -> None:
    """Write what ``state`` has below ``prefix`` into the first experts of a part, of one run or of all runs of a stack;
    what is larger there than in ``state`` keeps its values beyond."""
    for name, own in part.state_dict().items():
        theirs = state[prefix + name]
        for axis in range(-theirs.ndim, 0):
            own = own.narrow(axis, 0, theirs.shape[axis])
        own.copy_(theirs)
