"""Experts on several ranks: what brings a rank's rows to the experts of other ranks, and back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from moe_lab.errors import given
from moe_lab.layers.grouped import GroupedRows, Groups
from moe_lab.layers.noise import Noise
from moe_lab.layers.ranks import Ranks, current
from moe_lab.mixture.dispatchers import Dispatcher, Sparse
from moe_lab.parts.gates.composed import ComposedGate
from moe_lab.parts.roles import Computed, Experts, Gate
from moe_lab.routing.combine import Rule
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertsOutput
from moe_lab.routing.pairs import Pairs


@dataclass(frozen=True)
class ToRanks:
    """The way of a rank's rows: its pairs, sorted by expert; how many go to each rank and come from it; and the order
    of those that came, sorted by expert and then by rank."""

    pairs: Pairs
    send: list[int]
    receive: list[int]
    order_P: Tensor


@dataclass(frozen=True)
class Sharded(Dispatcher):
    """Each rank has some of the experts, and the rows of all ranks that selected them.

    Rows come sorted by (rank, expert) and are sorted by (expert, rank) without changing the order of others, so that an
    expert sees them in the order in which one process has them. Inputs are a rank's own rows, the routing is that of
    the whole batch.
    """

    ranks: Ranks

    every_expert: ClassVar[bool] = False
    in_evaluation: ClassVar[bool] = True

    def decide(self, gate: Gate, x_BD: Tensor, noise: Noise) -> Routing:
        """The routing of the whole batch."""
        own = _OwnNoise(noise, self.ranks, len(x_BD))
        if isinstance(gate, ComposedGate) and not self.ranks.by_rank:
            return gate.route(self.ranks.gather(gate.score(x_BD, None, own)), noise)
        return gathered(gate(x_BD, None, own), self.ranks)

    def dispatch(self, x_BD: Tensor, routing: Routing | None) -> tuple[GroupedRows, ToRanks]:
        selected_BE = given(routing, "the routing").selected_BE
        pairs = Pairs(self.ranks.split(selected_BE, len(x_BD)))
        rows, count_E = pairs.rows(x_BD).rows_PI, pairs.groups.count_G
        came_RE = self.ranks.exchange_counts(count_E)
        send = [int(count_E[span.start : span.stop].sum()) for span in self.ranks.spans(len(count_E))]
        receive = came_RE.sum(-1).tolist()
        own_E = torch.arange(came_RE.shape[-1], device=count_E.device)
        expert_P = own_E.repeat(self.ranks.count).repeat_interleave(came_RE.flatten())
        order_P = expert_P.argsort(stable=True)
        came = self.ranks.exchange(rows, send, receive).index_select(0, order_P)
        way = ToRanks(pairs, send, receive, order_P)
        return GroupedRows(came, Groups(came_RE.sum(0), expert_P[order_P])), way

    def combine(self, experts: Experts, computed: Computed, way: ToRanks) -> ExpertsOutput:
        _, last = computed
        back = last.rows_PI.index_select(0, way.order_P.argsort())
        rows = GroupedRows(self.ranks.exchange(back, way.receive, way.send), way.pairs.groups)
        return experts.output(way.pairs.spread(rows).transpose(-3, -2), None)

    def weights(self, routing: Routing, way: ToRanks, rule: Rule) -> Routing:
        """The routing of a rank's own rows."""
        rows = way.pairs.samples
        if rule == "probabilities":
            log_weights_BE = self.ranks.split(given(routing.log_weights_BE, "log_weights_BE"), rows)
            return way.pairs.narrow(replace(routing, log_weights_BE=log_weights_BE), rule)
        return way.pairs.narrow(replace(routing, weights_BE=self.ranks.split(routing.weights_BE, rows)), rule)


def for_selected() -> Dispatcher:
    """The dispatcher that runs the selected experts alone, in the model that is being built."""
    ranks = current()
    return Sparse() if ranks is None else Sharded(ranks)


class _OwnNoise(Noise):
    """Numbers of a rank's own rows, out of those that one process draws for all rows."""

    def __init__(self, noise: Noise, ranks: Ranks, rows: int) -> None:
        super().__init__(noise.generators)
        self._ranks = ranks
        self._rows = rows

    def _draw(self, draw: Callable[..., Tensor], like: Tensor) -> Tensor:
        if like.shape[-2:-1] != (self._rows,):
            raise ValueError(f"a gate draws for its {self._rows} rows, and this is of the shape {tuple(like.shape)}")
        sizes = self._ranks.sizes(self._rows)
        whole = super()._draw(draw, like.new_empty(*like.shape[:-2], sum(sizes), like.shape[-1]))
        return whole.split(sizes, -2)[self._ranks.rank]


def gathered(routing: Routing, ranks: Ranks) -> Routing:
    """The routing of the whole batch. A number that is a mean over rows becomes the mean over all rows."""
    rows = len(routing.weights_BE)

    def gather(one: Tensor) -> Tensor:
        if one.ndim == 0:
            return ranks.gather(one.expand(rows)).mean(-1)
        return ranks.gather(one.to(torch.uint8)).bool() if one.dtype == torch.bool else ranks.gather(one)

    return Routing(
        gather(routing.probs_BE),
        gather(routing.weights_BE),
        gather(routing.selected_BE),
        None if routing.log_weights_BE is None else gather(routing.log_weights_BE),
        None if routing.logits_BE is None else gather(routing.logits_BE),
        {name: gather(one) for name, one in routing.extras.items()},
    )


def run_sharded(ranks: Ranks, model: nn.Module, x_BD: Tensor, *given_to: Any) -> Any:
    """What the model gives for the whole batch, computed by each rank on its own samples of it.

    Its log-probabilities and routings are those of the batch; the inputs and outputs of mixture layers a rank's own.
    """
    own = sharded_names(model)
    parameters = {name: one for name, one in model.named_parameters() if name not in own}
    output = functional_call(model, ranks.shared(parameters), (ranks.take(x_BD), *given_to))
    return replace(output, log_probs_BC=ranks.gather(output.log_probs_BC))


def sharded_names(model: nn.Module) -> dict[str, int]:
    """The parameters and buffers that are stacked along experts, and how many experts there are on all ranks."""
    return {
        f"{path}.bank.{name}": part.count
        for path, part in model.named_modules()
        if isinstance(part, Experts)
        for name in (*dict(part.bank.named_parameters()), *dict(part.bank.named_buffers()))
    }
