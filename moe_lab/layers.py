"""Layers and helpers over trailing axes: leading axes (experts of a bank, runs of a stack) become batched products."""

import copy
import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def hyper(value: float, axes: int = 0) -> nn.Buffer:
    """A number that may differ between the runs of a stack: a buffer with ``axes`` trailing axes of size one.

    A scalar that multiplies a loss has none; what meets a [..., B, E] tensor has two (``temperature_11``).
    """
    return nn.Buffer(torch.full((1,) * axes, float(value)), persistent=False)


class Linear(nn.Module):
    """y_BO = x_BI W_IO + b_1O, initialized like torch.nn.Linear: uniform in +-1/sqrt(I), weights and biases.

    Where all E experts of a bank see the same input (x has size one where the weights have E), the E products are
    done as one wide product: the same numbers, and 1.3 to 2 times faster on a CPU.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight_IO = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias_1O = nn.Parameter(torch.empty(1, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x_BI: Tensor) -> Tensor:
        y_BO = self._wide(x_BI) if self._shares_input(x_BI) else x_BI @ self.weight_IO
        return y_BO if self.bias_1O is None else y_BO + self.bias_1O

    def _shares_input(self, x_BI: Tensor) -> bool:
        weight = self.weight_IO
        return weight.ndim >= 3 and x_BI.ndim >= 3 and x_BI.shape[-3] == 1 and weight.shape[-3] > 1

    def _wide(self, x_1BI: Tensor) -> Tensor:
        experts, _, outputs = self.weight_IO.shape[-3:]
        wide_IX = self.weight_IO.movedim(-3, -2).flatten(-2)
        y_BX = x_1BI.squeeze(-3) @ wide_IX
        return y_BX.unflatten(-1, (experts, outputs)).movedim(-2, -3)


def stack(modules: Sequence[Module]) -> Module:
    """One module whose parameters and buffers carry a leading axis: the state of ``modules``, stacked in their order.

    The modules are built alike (same class, same shapes) and know nothing of it: a bank of experts is a stack of one
    plain network over E; R runs trained as one program are a stack of R mixtures. Raises ValueError if they differ.
    """
    stacked = copy.deepcopy(modules[0])
    for name, tensors in _alike(modules, "named_parameters"):
        owner, leaf = _owner(stacked, name)
        setattr(owner, leaf, nn.Parameter(torch.stack([tensor.detach() for tensor in tensors])))
    for name, tensors in _alike(modules, "named_buffers"):
        owner, leaf = _owner(stacked, name)
        owner._buffers[leaf] = torch.stack(tensors)
    return stacked


def _alike(modules: Sequence[nn.Module], kind: str):
    states = [dict(getattr(module, kind)()) for module in modules]
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("only modules of the same structure can be stacked")
    return [(name, [state[name] for state in states]) for name in states[0]]


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return module.get_submodule(path), leaf
