"""Evaluation of a model whose experts are on several ranks: the leading one does it, and the others run their experts
for it. So it needs no memory for the experts of others, and does what one process does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from moe_lab.layers.grouped import GroupedRows, Groups
from moe_lab.layers.ranks import Ranks
from moe_lab.layers.stacking import columns
from moe_lab.mixture.dispatchers import Sparse
from moe_lab.mixture.mixture import Mixture
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.mixture.sharded import Sharded
from moe_lab.parts.roles import Computed, Experts

#: what the leading rank asks for: the kind of inputs, the path of a bank, and what others must know of these inputs
Request = tuple[str, str, list[Any]]


class WholeBank(nn.Module):
    """The experts of all ranks, to the leading one: it sends their inputs, and each rank computes with its own."""

    def __init__(self, path: str, own: nn.Module, count: int, ranks: Ranks) -> None:
        super().__init__()
        self.own = own
        self._path = path
        self._count = count
        self._ranks = ranks

    @torch.no_grad()
    def forward(self, inputs: Tensor | GroupedRows) -> Computed:
        """Without gradient; of rows grouped by expert without the hidden layer."""
        if isinstance(inputs, GroupedRows):
            rows_PI, counts = inputs.rows_PI.detach(), inputs.groups.counts
            self._ranks.tell(["rows", self._path, [rows_PI.shape[-1], _name(rows_PI.dtype), counts]])
            return None, GroupedRows(_of_rows(self.own, rows_PI, counts, self._ranks), inputs.groups)
        x_1BD = inputs.detach().contiguous()
        self._ranks.tell(["samples", self._path, [x_1BD.shape, _name(x_1BD.dtype)]])
        return _of_samples(self.own, x_1BD, self._count, self._ranks)

    def columns(self) -> Iterator[Tensor]:
        """``moe_lab.layers.stacking.columns`` of all experts."""
        self._ranks.tell(["columns", self._path, []])
        for part in columns(self.own):
            yield self._ranks.collected(part, self._count)


@contextmanager
def served(model: nn.Module, ranks: Ranks) -> Iterator[bool]:
    """Within the block the leading rank evaluates the model with all experts; there it is true. Other ranks compute for
    it before the block, which they then leave out."""
    experts = {path: part for path, part in model.named_modules() if isinstance(part, Experts)}
    if not ranks.leads:
        model.eval()
        _serve(experts, ranks)
        yield False
        return
    with _whole(model, experts, ranks):
        try:
            yield True
        finally:
            ranks.tell(None)


@torch.no_grad()
def _serve(experts: Mapping[str, Experts], ranks: Ranks) -> None:
    """Of a rank that does not lead, until the leading one has no more requests."""
    requests: Iterator[Request] = iter(ranks.told, None)
    for what, path, given in requests:
        bank, count = experts[path].bank, experts[path].count
        like = next(bank.parameters())
        match what:
            case "samples":
                size, dtype = given
                _of_samples(bank, like.new_empty(size, dtype=getattr(torch, dtype)), count, ranks)
            case "rows":
                width, dtype, counts = given
                _of_rows(bank, like.new_empty(0, width, dtype=getattr(torch, dtype)), counts, ranks)
            case "columns":
                for part in columns(bank):
                    ranks.collected(part, count)


def _name(dtype: torch.dtype) -> str:
    """float32 of torch.float32"""
    return str(dtype).removeprefix("torch.")


def _of_samples(bank: nn.Module, x_1BD: Tensor, count: int, ranks: Ranks) -> Computed:
    """What all experts compute of the leading rank's samples, on that rank."""
    dist.broadcast(x_1BD, src=0)
    hidden_eBH, last_eBO = bank(x_1BD)
    hidden_EBH = None if hidden_eBH is None else ranks.collected(hidden_eBH, count).to(x_1BD.device)
    return hidden_EBH, ranks.collected(last_eBO, count).to(x_1BD.device)


def _of_rows(bank: nn.Module, rows_PI: Tensor, counts: list[int], ranks: Ranks) -> Tensor:
    """The last layers of the leading rank's rows, ``counts`` of each expert, on that rank."""
    own = counts[ranks.span(len(counts))]
    send, receive = [0] * ranks.count, [sum(own), *([0] * (ranks.count - 1))]
    if ranks.leads:
        send = [sum(counts[span.start : span.stop]) for span in ranks.spans(len(counts))]
    came_PI = ranks.exchange(rows_PI, send, receive)
    count_E = torch.tensor(own, device=rows_PI.device)
    groups = Groups(count_E, torch.arange(len(own), device=rows_PI.device).repeat_interleave(count_E))
    _, last = bank(GroupedRows(came_PI, groups))
    return ranks.exchange(last.rows_PI, receive, send)


@contextmanager
def _whole(model: nn.Module, experts: Mapping[str, Experts], ranks: Ranks) -> Iterator[None]:
    """Within the block the model has the banks of all ranks, and the dispatcher of one process."""
    routing = [part for part in model.modules() if isinstance(part, Mixture | RoutedExperts)]
    sharded = [part for part in routing if isinstance(part.dispatcher, Sharded)]
    dispatchers = [part.dispatcher for part in sharded]
    banks = {path: one.bank for path, one in experts.items()}
    for part in sharded:
        part.dispatcher = Sparse()
    for path, one in experts.items():
        one.bank = WholeBank(path, banks[path], one.count, ranks)
    try:
        yield
    finally:
        for part, dispatcher in zip(sharded, dispatchers, strict=True):
            part.dispatcher = dispatcher
        for path, one in experts.items():
            one.bank = banks[path]
