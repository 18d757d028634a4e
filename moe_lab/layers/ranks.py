"""Processes that share the experts of one model: a *rank* each, with rows and experts of its own.

All ranks take the same batch. A rank computes on its own rows of it; statistics of the whole batch are gathered, and
are the same on every rank. So whatever follows (loss, regularizers, controllers) is computed by every rank as
one process would, and its gradient is the whole one: ``gather`` gives each rank its own rows of it, ``split`` puts
together what the ranks have of it, and ``shared`` adds up what they have of a parameter.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import _get_default_store

from moe_lab.layers.autograd import Kept

#: how long a rank waits for the next value that the leading one sends, which may compute for hours before that
PATIENCE = timedelta(days=7)


class Empty(Protocol):
    """Gives memory for a tensor, as ``torch.empty``."""

    def __call__(self, size: tuple[int, ...], /, *, dtype: torch.dtype) -> Tensor: ...


class Ranks:
    """The ranks of the default group of torch.distributed, seen from one of them: ``rank``, of ``count``.

    ``by_rank``: statistics of a batch (regularizers, and gates that rank its rows) are taken within each rank's rows.
    ``sent_bytes`` counts what this rank has sent, forward and backward, but for single numbers.
    """

    def __init__(self, *, by_rank: bool = False) -> None:
        self.rank = dist.get_rank()
        self.count = dist.get_world_size()
        self.by_rank = by_rank
        self.sent_bytes = 0
        self._rows: list[int] = []

    @property
    def leads(self) -> bool:
        """Whether this rank writes down what all of them do."""
        return self.rank == 0

    def spans(self, total: int) -> list[range]:
        """Which of ``total`` rows or experts each rank has, in order: as many as the others, or one more."""
        ends = [rank * total // self.count for rank in range(self.count + 1)]
        return [range(start, end) for start, end in zip(ends[:-1], ends[1:], strict=True)]

    def span(self, total: int) -> slice:
        """Which of ``total`` this rank has."""
        own = self.spans(total)[self.rank]
        return slice(own.start, own.stop)

    def take(self, x_BD: Tensor) -> Tensor:
        """This rank's own samples of the batch; those of all ranks count until the next batch is taken."""
        self._rows = [len(own) for own in self.spans(len(x_BD))]
        return x_BD[self.span(len(x_BD))]

    def gather(self, own_bX: Tensor) -> Tensor:
        """The rows of all ranks in order, [B, X], given this rank's own: of samples, or of the rows of a layer, as many
        for each sample. Every rank must make the same of them, for its own rows get their gradient from it alone."""
        gathered: Tensor = _Gather.apply(own_bX, self, self.sizes(len(own_bX)))
        return gathered

    def rows(self, total: int) -> list[slice]:
        """Where the rows of each rank stand among all ``total`` of them."""
        each = total // sum(self._rows)
        ends = [each * sum(self._rows[:rank]) for rank in range(self.count + 1)]
        return [slice(start, end) for start, end in zip(ends[:-1], ends[1:], strict=True)]

    def split(self, x_BX: Tensor, own: int) -> Tensor:
        """This rank's own rows, ``own`` of them, of what every rank has; ``gather`` is what it does to gradients."""
        split: Tensor = _Split.apply(x_BX, self, self._sizes_of(own, len(x_BX)))
        return split

    def shared(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The parameters, whose gradients the ranks add up."""
        return dict(zip(parameters, _Shared.apply(self, *parameters.values()), strict=True))

    def exchange(self, rows: Tensor, send: Sequence[int], receive: Sequence[int]) -> Tensor:
        """The first ``send[0]`` rows to rank 0, and so on; as many as ``receive`` says of each rank come in order."""
        came: Tensor = _Exchange.apply(rows, self, send, receive)
        return came

    def exchange_counts(self, count_E: Tensor) -> Tensor:
        """What each rank counts of this rank's own experts, [ranks, own experts], given what it counts of all."""
        spans = self.spans(len(count_E))
        own = len(spans[self.rank])
        counted = count_E.new_empty(self.count * own)
        dist.all_to_all_single(counted, count_E.contiguous(), [own] * self.count, [len(span) for span in spans])
        return counted.view(self.count, own)

    def agreed(self, asked: bool) -> bool:
        """What the leading rank says."""
        said = torch.tensor(int(asked))
        dist.broadcast(said, src=0)
        return bool(said)

    def tell(self, what: Any) -> None:
        """Send a value that JSON can hold to all other ranks, which read it with ``told``. Only the leading rank sends,
        and it does not wait until they have read."""
        store = _get_default_store()
        store.set(f"told/{store.add('told', 1)}", json.dumps(what))

    def told(self) -> Any:
        """The next value that the leading rank has sent; waits until there is one. Raises RuntimeError if that rank has
        ended."""
        store = _get_default_store()
        following = f"told/{store.add(f'told/to/{self.rank}', 1)}"
        store.wait([following], PATIENCE)
        return json.loads(store.get(following))

    def collected(self, own_e: Tensor, total: int, empty: Empty = torch.empty) -> Tensor:
        """The experts of all ranks, along the first axis, on the leading rank, in memory that ``empty`` gives; on
        others their own alone; on the CPU, and in memory as they lay."""
        if own_e.ndim > 2 and own_e.mT.is_contiguous():
            return self._collected(own_e.mT, total, empty).mT
        return self._collected(own_e, total, empty)

    def _collected(self, own_e: Tensor, total: int, empty: Empty) -> Tensor:
        own_e = own_e.detach().contiguous().cpu()
        if not self.leads:
            dist.send(own_e, dst=0)
            return own_e
        whole = empty((total, *own_e.shape[1:]), dtype=own_e.dtype)
        for rank, part in enumerate(whole.split([len(span) for span in self.spans(total)])):
            if rank == self.rank:
                part.copy_(own_e)
            else:
                # into its place, so that no more memory is needed
                dist.recv(part, src=rank)
        return whole

    def sizes(self, own: int) -> list[int]:
        """How many rows every rank has, if this one has ``own``."""
        samples = self._rows[self.rank]
        if all(self._rows):
            return [own // samples * rows for rows in self._rows]
        # a rank without samples cannot know how many rows each has
        sizes = torch.zeros(self.count, dtype=torch.long)
        sizes[self.rank] = own
        dist.all_reduce(sizes)
        return sizes.tolist()

    def _sizes_of(self, own: int, total: int) -> list[int]:
        sizes = [one.stop - one.start for one in self.rows(total)]
        if sizes[self.rank] != own:
            raise ValueError(f"rank {self.rank} has {own} rows of {total}, and {sizes[self.rank]} by its samples")
        return sizes

    def _all_rows(self, own_bX: Tensor, sizes: list[int]) -> Tensor:
        """All ranks' rows, without gradient."""
        filled = _filled(own_bX, max(sizes))
        self._count(filled, len(filled) * (self.count - 1))
        whole = filled.new_empty(self.count, *filled.shape)
        dist.all_gather(list(whole), filled)
        if len(set(sizes)) == 1:
            return whole.flatten(0, 1)
        return torch.cat([part[:size] for part, size in zip(whole, sizes, strict=True)])

    def _exchanged(self, rows: Tensor, send: Sequence[int], receive: Sequence[int]) -> Tensor:
        """What ``exchange`` gives, without gradient."""
        self._count(rows, sum(send) - send[self.rank])
        came = rows.new_empty(sum(receive), *rows.shape[1:])
        dist.all_to_all_single(came, rows.contiguous(), list(receive), list(send))
        return came

    def _added_up(self, gradients: list[Tensor]) -> list[Tensor]:
        flat = torch.cat([one.flatten() for one in gradients])
        self._count(flat, 2 * (self.count - 1) * len(flat) // self.count)
        dist.all_reduce(flat)
        parts = flat.split([one.numel() for one in gradients])
        return [part.view_as(one) for part, one in zip(parts, gradients, strict=True)]

    def _count(self, rows: Tensor, sent: int) -> None:
        each = rows[0].numel() if len(rows) else 0
        self.sent_bytes += sent * each * rows.element_size()


def _filled(own: Tensor, size: int) -> Tensor:
    """With rows of zeros, up to a size that all ranks have."""
    if len(own) == size:
        return own.contiguous()
    return torch.cat([own, own.new_zeros(size - len(own), *own.shape[1:])])


class _KeptOfRanks(Kept):
    ranks: Ranks
    sizes: list[int]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _KeptOfRanks, own_bX: Tensor, ranks: Ranks, sizes: list[int]) -> Tensor:
        ctx.ranks, ctx.sizes = ranks, sizes
        return ranks._all_rows(own_bX, sizes)

    @staticmethod
    def backward(ctx: _KeptOfRanks, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient.split(ctx.sizes)[ctx.ranks.rank], None, None


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _KeptOfRanks, x_BX: Tensor, ranks: Ranks, sizes: list[int]) -> Tensor:
        ctx.ranks, ctx.sizes = ranks, sizes
        return x_BX.split(sizes)[ranks.rank].clone()

    @staticmethod
    def backward(ctx: _KeptOfRanks, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.ranks._all_rows(gradient, ctx.sizes), None, None


class _KeptOfExchange(Kept):
    ranks: Ranks
    send: Sequence[int]
    receive: Sequence[int]


class _Exchange(torch.autograd.Function):
    """Gradients go back the way that rows came."""

    @staticmethod
    def forward(
        ctx: _KeptOfExchange, rows: Tensor, ranks: Ranks, send: Sequence[int], receive: Sequence[int]
    ) -> Tensor:
        ctx.ranks, ctx.send, ctx.receive = ranks, send, receive
        return ranks._exchanged(rows, send, receive)

    @staticmethod
    def backward(ctx: _KeptOfExchange, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.ranks._exchanged(gradient, ctx.receive, ctx.send), None, None, None


class _Shared(torch.autograd.Function):
    """A parameter that has no gradient on one rank has none on any, because all compute the same graph."""

    @staticmethod
    def forward(ctx: _KeptOfRanks, ranks: Ranks, *parameters: Tensor) -> tuple[Tensor, ...]:
        ctx.ranks = ranks
        ctx.set_materialize_grads(False)
        return tuple(one.view_as(one) for one in parameters)

    @staticmethod
    def backward(ctx: _KeptOfRanks, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        there = [one for one in gradients if one is not None]
        summed = iter(ctx.ranks._added_up(there) if there else [])
        return None, *(None if one is None else next(summed) for one in gradients)


_AMONG: ContextVar[Ranks | None] = ContextVar("among", default=None)


@contextmanager
def among(ranks: Ranks | None) -> Iterator[None]:
    """Within the block models are built with this rank's own experts alone; None: with all."""
    token = _AMONG.set(ranks)
    try:
        yield
    finally:
        _AMONG.reset(token)


def current() -> Ranks | None:
    """The ranks that a model is being built among."""
    return _AMONG.get()


def held(count: int) -> range:
    """Which of ``count`` experts this process has, in a model that is being built."""
    ranks = current()
    return range(count) if ranks is None else ranks.spans(count)[ranks.rank]
