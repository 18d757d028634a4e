"""torch's optimizers without the import of torch's compiler."""

from typing import Any, TypeVar, cast

import torch
from torch.optim import Optimizer

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)
_METHODS = ("add_param_group", "state_dict", "load_state_dict")


def uncompiled(optimizer: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """The optimizer with the same steps and states, whose methods are not prepared for ``torch.compile``.

    As torch 2.13 has them, the first call of each imports the compiler: most of a second in every process that trains.
    Here what they decorate is called, which Python keeps as ``__wrapped__``.
    """
    plain = {name: _undecorated(getattr(optimizer, name)) for name in _METHODS}
    plain["step"] = torch.no_grad()(_undecorated(optimizer.step))
    return cast(type[AnyOptimizer], type(optimizer.__name__, (optimizer,), plain))


def _undecorated(method: Any) -> Any:
    return getattr(method, "__wrapped__", method)
