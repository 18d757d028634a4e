"""Multiply-adds of one sample's prediction: the products of linear layers, convolutions and attention."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from moe_lab.layers.noise import Noise
from moe_lab.layers.products import ROWS_BY_ROWS
from moe_lab.layers.stacking import count_parameters
from moe_lab.mixture.mixture import Mixture
from moe_lab.mixture.routed import RoutedExperts

MATRIX_PRODUCTS = frozenset({torch.matmul, Tensor.matmul, Tensor.__matmul__})
#: number of samples in the counting pass: two, because batch normalization has no variance with one
SAMPLES = 2
#: name for computations outside the parts that are counted separately
REST = ""


def multiply_add_counts(mixture: Mixture, features: int, device: torch.device) -> dict[str, int]:
    """Multiply-adds of a sample in evaluation with all experts, and with only those that act on it (as in
    ``parameter_counts``). Adding experts up, activations and normalizations are not counted.

    Each product is counted by its definition, not by the kernel that computes it. Therefore the input requires a
    gradient: then the plain convolution runs in place of the one fused with its maximum.
    """
    x_BD = torch.zeros(SAMPLES, features, device=device).requires_grad_()
    mixture.eval()
    with torch.enable_grad(), Products() as products, products.of({"gate": mixture.gate}):
        mixture(x_BD, Noise([torch.Generator(device)]))
    gate, experts = (products.counts[part] // SAMPLES for part in ("gate", REST))
    # this process counts the products of its own experts
    each = experts // (mixture.experts.count - mixture.experts.elsewhere)
    total = gate + experts + each * mixture.experts.elsewhere
    return {"multiply_adds_total": total, "multiply_adds_active": gate + each * running_experts(mixture)}


class Products(TorchFunctionMode):
    """Counts the multiply-adds of the running part: per output number the inner length of a matrix product, or the
    inputs of a convolution's filter.

    torch's own FlopCounterMode imports its compiler, which takes seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._part = REST

    @contextmanager
    def of(self, parts: Mapping[str, nn.Module]) -> Iterator[None]:
        """Within the block, products of these modules count under their names, all others under REST."""
        hooks = [hook for name, part in parts.items() for hook in self._hooks(name, part)]
        yield
        for hook in hooks:
            hook.remove()

    def _hooks(self, name: str, part: nn.Module) -> list[RemovableHandle]:
        return [
            part.register_forward_pre_hook(lambda *_: self._enter(name)),
            part.register_forward_hook(lambda *_: self._enter(REST)),
        ]

    def _enter(self, part: str) -> None:
        self._part = part

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if func in MATRIX_PRODUCTS or func is ROWS_BY_ROWS:
            self.counts[self._part] += found.numel() * args[0].shape[-1]
        elif func is functional.conv2d:
            self.counts[self._part] += found.numel() * args[1].shape[1:].numel()
        elif func is functional.scaled_dot_product_attention:
            # q k', and the weighted sum of v
            query, key, value = args
            self.counts[self._part] += query.shape[:-1].numel() * key.shape[-2] * (key.shape[-1] + value.shape[-1])
        return found


def parameter_counts(mixture: Mixture) -> dict[str, int]:
    """Number of all parameters, and of those that act on one sample: the gate's, and those of k experts (of all experts
    if the gate reads their features)."""
    gate, experts = count_parameters(mixture.gate), mixture.experts.parameter_count
    active = experts // mixture.gate.sizes.experts * running_experts(mixture)
    return {"parameters_total": gate + experts, "parameters_active": gate + active}


def running_experts(mixture: Mixture | RoutedExperts) -> int:
    """Largest number of experts with computations that act on one sample: k, or all of them if the gate reads the
    experts' features."""
    sizes, computing = mixture.gate.sizes, mixture.experts.computing
    return computing if mixture.gate.traits.reads_experts else min(sizes.k, computing)
