"""Target 4: memory of a step, bytes allowed over bytes used, under dense and sparse dispatch.

The bytes counted are those that a step needs besides its inputs and parameters: those that autograd keeps for the
backward pass, and the most that are alive at once in forward and backward. The bytes allowed are B (E + k (C + H))
floats under sparse dispatch and B E (C + H) under dense, times the few copies that layers and softmaxes keep of their
values (``COPIES``). Sparse dispatch also has the inputs of the selected pairs, B k D floats in one copy, and, alive at
once, the gradients, as large as the parameters. An array of B x B x E does not fit.
"""

from collections.abc import Callable, Iterator
from weakref import finalize

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.rows import Row
from benchmarks.sparse_layer import CLASSES, FEATURES, SAMPLES, own

SHAPES = [(8, 64, 1), (16, 256, 2), (64, 64, 2), (256, 256, 1)]
QUICK = SHAPES[:2]
#: copies of a value that a step may keep, and that may be alive at once: a layer's, its softmax's, its gradient's
COPIES = 3


def rows(quick: bool) -> Iterator[Row]:
    for experts, hidden, k in QUICK if quick else SHAPES:
        for dispatch in ("sparse", "dense"):
            kept, alive = allowed(experts, hidden, k, dispatch)
            own_kept, own_alive = measured(experts, hidden, k, dispatch)
            case = f"E={experts} H={hidden} k={k} {dispatch}"
            yield Row("4", f"{case}, kept for the backward", kept / own_kept, 1.0, 1.0)
            yield Row("4", f"{case}, alive at once", alive / own_alive, 1.0, 1.0)


def allowed(experts: int, hidden: int, k: int, dispatch: str) -> tuple[int, int]:
    """Bytes that may be kept for the backward, and that may be alive at once."""
    sparse = dispatch == "sparse"
    values = SAMPLES * (experts + k * (CLASSES + hidden) if sparse else experts * (CLASSES + hidden))
    inputs = SAMPLES * k * FEATURES if sparse else 0
    gradients = experts * ((FEATURES + 1) * hidden + (hidden + 1) * CLASSES + FEATURES + 1)
    return 4 * (COPIES * values + inputs), 4 * (COPIES * values + inputs + gradients)


def measured(experts: int, hidden: int, k: int, dispatch: str) -> tuple[int, int]:
    """Bytes that autograd keeps for the backward, and the most alive at once; parameters and inputs not counted."""
    draw = torch.Generator().manual_seed(0)
    x_BD = torch.randn(SAMPLES, FEATURES, generator=draw)
    y_B = torch.randint(CLASSES, (SAMPLES,), generator=draw)
    learner, call = own(experts, hidden, k, x_BD, y_B, dispatch)
    given = {_storage(tensor) for tensor in (x_BD, y_B, *learner.state_dict().values())}
    return kept_bytes(call, given), alive_bytes(call, given)


def kept_bytes(call: Callable[[], object], given: set[int]) -> int:
    """The bytes of the storages that are saved for the backward pass, each counted once."""
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in given:
            saved[_storage(tensor)] = tensor.detach()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        call()
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


def alive_bytes(call: Callable[[], object], given: set[int]) -> int:
    """The most bytes of new storages that are alive at the same time."""
    watch = _Alive(given)
    with watch:
        call()
    return watch.most


class _Alive(TorchDispatchMode):
    """Counts the storages that operations create, until they are freed."""

    def __init__(self, given: set[int]) -> None:
        super().__init__()
        self.most = self._now = 0
        self._seen = set(given)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and _storage(tensor) not in self._seen:
                self._add(tensor)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        size, address = storage.nbytes(), _storage(tensor)
        if size == 0:
            return
        self._seen.add(address)
        self._now += size
        self.most = max(self.most, self._now)
        finalize(storage, self._free, address, size)

    def _free(self, address: int, size: int) -> None:
        self._seen.discard(address)
        self._now -= size


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
