"""Regularizers of the rows of each rank by itself."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from moe_lab.layers.ranks import Ranks
from moe_lab.parts.roles import AnyStep, LayerStep, Regularizer
from moe_lab.routing.decision import Routing
from moe_lab.routing.groups import Groups


def mean_by_rank(regularizer: Regularizer, step: AnyStep, ranks: Ranks) -> Tensor:
    """The mean over ranks of the regularizer of a rank's rows, every rank weighted by its rows. Every rank computes it
    of all, so that it is the same on each."""
    values = [share * regularizer(one) for share, one in _parts(step, ranks)]
    return sum(values[1:], values[0])


def _parts(step: AnyStep, ranks: Ranks) -> Iterator[tuple[float, AnyStep]]:
    total = len(step.routing.weights_BE)
    for own in ranks.rows(total):
        if own.stop > own.start:
            yield (own.stop - own.start) / total, _of_rows(step, own)


def _of_rows(step: AnyStep, own: slice) -> AnyStep:
    routing = _routing(step.routing, own)
    groups = {name: Groups(one.number_B[own], one.count) for name, one in step.groups.items()}
    if isinstance(step, LayerStep):
        output = replace(step.output, routing=routing)
        return replace(step, x_BD=step.x_BD[own], output=output, groups=groups)
    return replace(step, x_BD=step.x_BD[own], y_B=step.y_B[own], routing=routing, groups=groups)


def _routing(routing: Routing, own: slice) -> Routing:
    return Routing(
        routing.probs_BE[own],
        routing.weights_BE[own],
        routing.selected_BE[own],
        None if routing.log_weights_BE is None else routing.log_weights_BE[own],
        None if routing.logits_BE is None else routing.logits_BE[own],
        {name: one[own] if one.ndim else one for name, one in routing.extras.items()},
    )
