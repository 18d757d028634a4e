"""Stacking modules along a leading axis, and the tensors that may differ along it."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from typing import Literal, TypeVar, cast

import torch
from torch import Tensor, nn

from moe_lab.layers.ranks import held

Module = TypeVar("Module", bound=nn.Module)
#: numbers of a network that ``columns`` gives at a time, if an axis of its parameters can be cut so
COLUMNS = 2**14
_ALIKE: ContextVar[Literal["numbers", "shapes"] | None] = ContextVar("alike", default=None)


def hyper(value: float, axes: int = 0) -> nn.Buffer:
    """A number that may differ between the runs of a stack: a buffer with ``axes`` trailing axes of size one.

    A scalar factor of a loss has none; a number that is combined with a [..., B, E] tensor has two
    (``temperature_11``).
    """
    return nn.Buffer(torch.full((1,) * axes, float(value)), persistent=False)


def buffers_named(module: nn.Module, name: str) -> list[Tensor]:
    """All buffers of this name in a module and its submodules."""
    return [buffer for path, buffer in module.named_buffers() if path.rpartition(".")[2] == name]


def keep_buffers(module: nn.Module, name: str) -> None:
    """Make the buffers of this name persistent, so that they become part of the module's state."""
    for part in module.modules():
        if (buffer := dict(part.named_buffers(recurse=False)).get(name)) is not None:
            part.register_buffer(name, buffer, persistent=True)


def freeze(module: Module) -> Module:
    """The module with its parameters turned into buffers: part of its state, but not updated by an optimizer."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())
    return module


def by_name(modules: Mapping[str, Module]) -> Mapping[str, Module]:
    """Modules as submodules of another one, by name; torch's ModuleDict, typed as the mapping that it is."""
    return cast(Mapping[str, Module], nn.ModuleDict(modules))


def by_layer(modules: Mapping[str, Mapping[str, Module]]) -> Mapping[str, Mapping[str, Module]]:
    """Modules as submodules of another one, by the name of a layer and their own name."""
    named = {layer: nn.ModuleDict(several) for layer, several in modules.items()}
    return cast(Mapping[str, Mapping[str, Module]], nn.ModuleDict(named))


def in_order(modules: Iterable[Module]) -> Sequence[Module]:
    """Modules as submodules of another one, by number; torch's ModuleList, typed as a sequence."""
    return cast(Sequence[Module], nn.ModuleList(modules))


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def stack(modules: Sequence[Module]) -> Module:
    """One module whose parameters and buffers carry a leading axis: the state of ``modules``, stacked in their order.

    The modules are plain and have the same structure. A bank of experts is a stack of one plain network over E; R runs
    trained as one program are a stack of R mixtures. Raises ValueError if they differ in more than their
    numbers: in classes, shapes, or any plain attribute.
    """
    structures = [_structure(module) for module in dict.fromkeys(modules)]
    for structure in structures[1:]:
        if structure != structures[0]:
            differing = sorted(
                name for name in structure | structures[0] if structure.get(name) != structures[0].get(name)
            )
            raise ValueError(f"only modules of the same structure can be stacked; these differ in {differing[0]}")
    stacked = copy.deepcopy(modules[0])
    for name, tensors in _alike(modules, "named_parameters"):
        owner, leaf = _owner(stacked, name)
        together = _together([tensor.detach() for tensor in tensors])
        setattr(owner, leaf, nn.Parameter(together, requires_grad=tensors[0].requires_grad))
    for name, tensors in _alike(modules, "named_buffers"):
        owner, leaf = _owner(stacked, name)
        owner._buffers[leaf] = _together(tensors)
    return stacked


@contextmanager
def alike(kind: Literal["numbers", "shapes"] = "numbers") -> Iterator[None]:
    """Within the block, a bank is one network repeated, which is built in a fraction of the time.

    Everything except the values of its parameters is right. It serves to check whether parts fit each other. Of the
    kind "shapes" it takes no memory, and has no values at all.
    """
    token = _ALIKE.set(kind)
    try:
        yield
    finally:
        _ALIKE.reset(token)


def bank(network: Callable[[], Module], count: int) -> Module:
    """``count`` networks as one module, their parameters and buffers along a leading axis; among ranks a rank's own
    ones, with the numbers that they have among all."""
    own = held(count)
    if (kind := _ALIKE.get()) is not None:
        return stack([network() if kind == "numbers" else network().to("meta")] * len(own))
    built = ((number, network()) for number in range(count))
    return stack([one for number, one in built if number in own])


def columns(bank: nn.Module) -> Iterator[Tensor]:
    """The parameters of a bank of E networks, [E, F] in all: some columns at a time, to limit memory."""
    for parameter in bank.parameters():
        whole = parameter.detach().unsqueeze(-1)
        size = max(1, COLUMNS // prod(whole.shape[2:]))
        yield from (part.flatten(1) for part in whole.split(size, 1))


def _together(tensors: list[Tensor]) -> Tensor:
    """The tensors stacked, each with its memory layout kept."""
    by_columns = tensors[0].ndim > 1 and tensors[0].mT.is_contiguous()
    stored = [tensor.mT if by_columns else tensor for tensor in tensors]
    # tensors without values are stacked by torch in Python code that imports its compiler
    together = stored[0].new_empty(len(stored), *stored[0].shape) if stored[0].is_meta else torch.stack(stored)
    return together.mT if by_columns else together


#: attributes that every module has, which are not compared
_COMMON = nn.Module().__dict__.keys()


def _structure(module: nn.Module) -> dict[str, object]:
    """The structure of a module: classes, plain attributes and shapes of its tensors, without their values."""
    structure: dict[str, object] = {}
    for path, part in module.named_modules():
        structure[path] = type(part)
        structure |= {f"{path}.{key}": value for key, value in vars(part).items() if key not in _COMMON}
    for tensors in (module.named_parameters(), module.named_buffers()):
        structure |= {f"{name}.shape": (tensor.shape, tensor.requires_grad) for name, tensor in tensors}
    return structure


def _alike(modules: Sequence[nn.Module], kind: str) -> list[tuple[str, list[Tensor]]]:
    states = {module: dict(getattr(module, kind)()) for module in dict.fromkeys(modules)}
    return [(name, [states[module][name] for module in modules]) for name in states[modules[0]]]


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return module.get_submodule(path), leaf
