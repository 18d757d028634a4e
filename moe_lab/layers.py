"""Layers and helpers over trailing axes: leading axes (experts of a bank, runs of a stack) become batched products,
groups and channels."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.grouped import NARROW, GroupedRows
from moe_lab.pooled import output_moments, pooled_relu
from moe_lab.precision import product

Module = TypeVar("Module", bound=nn.Module)


def hyper(value: float, axes: int = 0) -> nn.Buffer:
    """A number that may differ between the runs of a stack: a buffer with ``axes`` trailing axes of size one.

    A scalar that multiplies a loss has none; what meets a [..., B, E] tensor has two (``temperature_11``).
    """
    return nn.Buffer(torch.full((1,) * axes, float(value)), persistent=False)


def buffers_named(module: nn.Module, name: str) -> list[Tensor]:
    """The buffers of this name of a module and the modules in it."""
    return [buffer for path, buffer in module.named_buffers() if path.rpartition(".")[2] == name]


def keep_buffers(module: nn.Module, name: str) -> None:
    """Make the buffers of this name persistent: from now on they are part of the module's state."""
    for part in module.modules():
        if (buffer := dict(part.named_buffers(recurse=False)).get(name)) is not None:
            part.register_buffer(name, buffer, persistent=True)


def freeze(module: Module) -> Module:
    """The module with its parameters as buffers: part of its state, and nothing that an optimizer moves."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())
    return module


def hold(module: Module, still: bool) -> None:
    """Let a part stand still, or go on learning: held, its parameters get no gradient, and its batch normalization
    uses what it has seen."""
    module.requires_grad_(not still)
    module.train(not still)


def log_softmax(x_BC: Tensor) -> Tensor:
    """Over the last axis, a row of samples at a time: many times faster on a CPU where C is small."""
    return x_BC.mT.log_softmax(-2).mT


class Linear(nn.Module):
    """y_BO = x_BI W_IO + b_1O, initialized like torch.nn.Linear: uniform in +-1/sqrt(I), weights and biases.

    Rows that are sorted by expert (moe_lab/grouped.py) each meet their own expert's weights only.
    Where all E experts of a bank see the same input (x has size one where the weights have E), the E products are
    done as one wide product: the same numbers, and 1.3 to 2 times faster on a CPU.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.outputs = outputs
        self.weight_IO = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias_1O = nn.Parameter(torch.empty(1, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x_BI: Tensor | GroupedRows) -> Tensor | GroupedRows:
        if isinstance(x_BI, GroupedRows):
            return x_BI.linear(self.weight_IO, self.bias_1O)
        y_BO = self._wide(x_BI) if self._shares_input(x_BI) else product(torch.matmul, self._weight_OI(), x_BI.mT).mT
        return y_BO if self.bias_1O is None else y_BO + self.bias_1O

    def _weight_OI(self) -> Tensor:
        """Narrow ones copied, so that the gradient too is a product of few rows rather than of few columns: these take
        up to four times as long on a CPU."""
        narrow = self.weight_IO.shape[-1] < NARROW
        return self.weight_IO.mT.contiguous() if narrow else self.weight_IO.mT

    def _shares_input(self, x_BI: Tensor) -> bool:
        weight = self.weight_IO
        return weight.ndim >= 3 and x_BI.ndim >= 3 and x_BI.shape[-3] == 1 and weight.shape[-3] > 1

    def _wide(self, x_1BI: Tensor) -> Tensor:
        experts, _, outputs = self.weight_IO.shape[-3:]
        wide_IX = self.weight_IO.movedim(-3, -2).flatten(-2)
        y_XB = product(torch.matmul, wide_IX.mT, x_1BI.squeeze(-3).mT)
        return y_XB.unflatten(-2, (experts, outputs)).mT


class Conv2d(nn.Module):
    """2-D convolution x [..., B, I, H, W] -> [..., B, O, H', W'], stride 1, initialized like torch.nn.Conv2d.

    Leading axes of the weights that the input shares (size one) become more filters, the others groups.
    ``pooled_relu`` is the convolution followed by a 2 x 2 maximum and ReLU, in one pass where the input is one channel
    of data without padding.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, padding: int = 0, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs * kernel**2)
        self.padding = padding
        self.weight_OIKK = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel).uniform_(-bound, bound))
        self.bias_O = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x_BIHW: Tensor) -> Tensor:
        weight = self.weight_OIKK
        lead, outputs = weight.shape[:-4], weight.shape[-4]
        groups, x = _fold(x_BIHW, lead)
        convolve = partial(functional.conv2d, padding=self.padding, groups=groups)
        factors = (
            (x, weight.flatten(0, -4)) if self.bias_O is None else (x, weight.flatten(0, -4), self.bias_O.flatten())
        )
        return _unfold(product(convolve, *factors), lead, outputs)

    def pooled_relu(self, x_BIHW: Tensor, norm: "BatchNorm2d | None" = None) -> Tensor:
        """relu of the maximum over 2 x 2 of the convolution, which ``norm`` normalizes before; a last odd row or column
        is left out."""
        if self._fits_one_pass(x_BIHW, normalized=norm is not None):
            return self._in_one_pass(x_BIHW, norm)
        y_BOHW = self(x_BIHW)
        return max_pool(y_BOHW if norm is None else norm(y_BOHW)).relu()

    def _fits_one_pass(self, x_BIHW: Tensor, normalized: bool) -> bool:
        """Its pieces fit a CPU's cache; a GPU has better kernels of its own."""
        one_channel = self.weight_OIKK.shape[-3] == 1 and self.padding == 0 and not x_BIHW.requires_grad
        odd = any((side - self.weight_OIKK.shape[-1] + 1) % 2 for side in x_BIHW.shape[-2:])
        return x_BIHW.device.type == "cpu" and one_channel and not (normalized and odd)

    def _in_one_pass(self, x_B1HW: Tensor, norm: "BatchNorm2d | None") -> Tensor:
        """Normalization scales and shifts the outputs of each filter, and so its weights and bias."""
        weight = self.weight_OIKK
        lead, outputs = weight.shape[:-4], weight.shape[-4]
        groups, x_BGHW = _fold(x_B1HW, lead)
        x_GBHW, weight_GMKK = x_BGHW.transpose(0, 1), weight.reshape(groups, -1, *weight.shape[-2:])
        bias_GM = weight.new_zeros(weight_GMKK.shape[:2]) if self.bias_O is None else self.bias_O.reshape(groups, -1)
        if norm is not None:
            scale_GM, shift_GM = norm.scale_and_shift(x_GBHW, weight_GMKK, bias_GM)
            weight_GMKK, bias_GM = weight_GMKK * scale_GM[..., None, None], bias_GM * scale_GM + shift_GM
        y_GMHWB = pooled_relu(x_GBHW, weight_GMKK, bias_GM)
        return y_GMHWB.reshape(*lead, outputs, *y_GMHWB.shape[2:]).movedim(-1, -4)


class BatchNorm2d(nn.Module):
    """Batch normalization of [..., B, C, H, W] over B, H and W, with torch's momentum (0.1) and epsilon (1e-5).

    Training uses the batch's statistics and moves the running ones; evaluation uses the running ones, or the batch's
    where ``batch_statistics_at_test`` says so (then a prediction depends on its batch-mates).
    Source: Ioffe and Szegedy 2015, Batch normalization, arXiv:1502.03167.
    """

    momentum = 0.1
    epsilon = 1e-5

    def __init__(self, channels: int, *, batch_statistics_at_test: bool = False) -> None:
        super().__init__()
        self.batch_statistics_at_test = batch_statistics_at_test
        self.weight_C = nn.Parameter(torch.ones(channels))
        self.bias_C = nn.Parameter(torch.zeros(channels))
        self.mean_C = nn.Buffer(torch.zeros(channels))
        self.var_C = nn.Buffer(torch.ones(channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        lead, channels = self.weight_C.shape[:-1], self.weight_C.shape[-1]
        _, x = _fold(x_BCHW.expand(*lead, *x_BCHW.shape[-4:]), lead)
        # only training may move the running statistics
        moves = self.training or not self._of_batch
        y = functional.batch_norm(
            x,
            self.mean_C.flatten() if moves else None,
            self.var_C.flatten() if moves else None,
            self.weight_C.flatten(),
            self.bias_C.flatten(),
            self._of_batch,
            self.momentum,
            self.epsilon,
        )
        return _unfold(y, lead, channels)

    def scale_and_shift(self, x_GBHW: Tensor, weight_GMKK: Tensor, bias_GM: Tensor) -> tuple[Tensor, Tensor]:
        """The a and b [G, M] of the normalization a y + b of the convolution's outputs y, which are not computed."""
        shape = weight_GMKK.shape[:2]
        mean_GM, var_GM = self.mean_C.reshape(shape), self.var_C.reshape(shape)
        if self._of_batch:
            mean_GM, var_GM = output_moments(x_GBHW, weight_GMKK)
            mean_GM = mean_GM + bias_GM
            if self.training:
                sides = (side - weight_GMKK.shape[-1] + 1 for side in x_GBHW.shape[-2:])
                self._move(mean_GM.detach(), var_GM.detach(), x_GBHW.shape[-3] * math.prod(sides))
        scale_GM = self.weight_C.reshape(shape) * (var_GM + self.epsilon).rsqrt()
        return scale_GM, self.bias_C.reshape(shape) - mean_GM * scale_GM

    @property
    def _of_batch(self) -> bool:
        return self.training or self.batch_statistics_at_test

    def _move(self, mean_GM: Tensor, var_GM: Tensor, count: int) -> None:
        """The running statistics; of the variance the unbiased estimate."""
        self.mean_C.lerp_(mean_GM.reshape(self.mean_C.shape), self.momentum)
        self.var_C.lerp_(var_GM.reshape(self.var_C.shape) * (count / (count - 1)), self.momentum)


def max_pool(x_BCHW: Tensor) -> Tensor:
    """The maximum over 2 x 2; a last odd row or column is left out."""
    pooled = functional.max_pool2d(x_BCHW.flatten(0, -4), 2)
    return pooled.unflatten(0, x_BCHW.shape[:-3])


def _fold(x_BCHW: Tensor, lead: Sequence[int]) -> tuple[int, Tensor]:
    """Leading axes into channels: how many groups, and [B, groups C, H, W]. Trailing ones of the leading axes that
    the input shares stay out, for they only mean more filters."""
    own = (1,) * (len(lead) - x_BCHW.ndim + 4) + tuple(x_BCHW.shape[:-4])
    shared = next((n for n in range(len(lead)) if all(size == 1 for size in own[n:])), len(lead))
    x = x_BCHW.reshape(*own[:shared], *x_BCHW.shape[-4:]).expand(*lead[:shared], *x_BCHW.shape[-4:])
    groups = math.prod(lead[:shared])
    return groups, x.reshape(groups, *x_BCHW.shape[-4:]).transpose(0, 1).flatten(1, 2)


def _unfold(y: Tensor, lead: Sequence[int], channels: int) -> Tensor:
    """[B, lead C, H, W] -> [*lead, B, C, H, W]."""
    y = y.unflatten(1, (math.prod(lead), channels)).transpose(0, 1)
    return y.reshape(*lead, *y.shape[1:])


def by_name(modules: Mapping[str, Module]) -> Mapping[str, Module]:
    """Modules as parts of another one, by name. torch's ModuleDict is a mapping, but does not say so, nor of what."""
    return cast(Mapping[str, Module], nn.ModuleDict(modules))


def in_order(modules: Iterable[Module]) -> Sequence[Module]:
    """Modules as parts of another one, by number, as ``by_name`` does."""
    return cast(Sequence[Module], nn.ModuleList(modules))


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def stack(modules: Sequence[Module]) -> Module:
    """One module whose parameters and buffers carry a leading axis: the state of ``modules``, stacked in their order.

    The modules are built alike and know nothing of it: a bank of experts is a stack of one plain network over E; R
    runs trained as one program are a stack of R mixtures. Raises ValueError where they differ in more than their
    numbers: in classes, shapes, or any plain attribute.
    """
    structures = [_structure(module) for module in modules]
    for structure in structures[1:]:
        if structure != structures[0]:
            differing = sorted(
                name for name in structure | structures[0] if structure.get(name) != structures[0].get(name)
            )
            raise ValueError(f"only modules of the same structure can be stacked; these differ in {differing[0]}")
    stacked = copy.deepcopy(modules[0])
    for name, tensors in _alike(modules, "named_parameters"):
        owner, leaf = _owner(stacked, name)
        together = torch.stack([tensor.detach() for tensor in tensors])
        setattr(owner, leaf, nn.Parameter(together, requires_grad=tensors[0].requires_grad))
    for name, tensors in _alike(modules, "named_buffers"):
        owner, leaf = _owner(stacked, name)
        owner._buffers[leaf] = torch.stack(tensors)
    return stacked


#: what every module has for itself
_COMMON = nn.Module().__dict__.keys()


def _structure(module: nn.Module) -> dict[str, object]:
    """Everything of a module but its numbers: classes, plain attributes, shapes of its tensors."""
    structure: dict[str, object] = {}
    for path, part in module.named_modules():
        structure[path] = type(part)
        structure |= {f"{path}.{key}": value for key, value in vars(part).items() if key not in _COMMON}
    for tensors in (module.named_parameters(), module.named_buffers()):
        structure |= {f"{name}.shape": (tensor.shape, tensor.requires_grad) for name, tensor in tensors}
    return structure


def _alike(modules: Sequence[nn.Module], kind: str) -> list[tuple[str, list[Tensor]]]:
    states = [dict(getattr(module, kind)()) for module in modules]
    return [(name, [state[name] for state in states]) for name in states[0]]


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return module.get_submodule(path), leaf
