"""Mixed precision: layers multiply in a shorter type, and everything else keeps its type.

Inputs and weights of a product are rounded, its sums and its result are not. Parameters, activations, losses, softmaxes
and stored values have the parameters' type. A product's gradients are products in the shorter type too, and are
converted to the parameters' type.
Source: Micikevicius et al. 2018, Mixed precision training, arXiv:1710.03740; Kalamkar et al. 2019, A study of BFLOAT16
for deep learning training, arXiv:1905.12322: its range is float32's, so that losses need no scaling.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["float32", "bf16"]

_products: torch.dtype | None = None


@contextmanager
def products_in(precision: Precision) -> Iterator[None]:
    """Within the block, layers multiply in bfloat16 (8 bits of mantissa), or in their parameters' type."""
    global _products
    before, _products = _products, torch.bfloat16 if precision == "bf16" else None
    try:
        yield
    finally:
        _products = before


def product(multiply: Callable[..., Tensor], *factors: Tensor) -> Tensor:
    """multiply(*factors), computed in the precision of the surrounding ``products_in`` and returned in the factors' own
    type."""
    return multiply(*rounded(*factors)).to(factors[0].dtype)


def rounded(*factors: Tensor) -> Sequence[Tensor]:
    """The factors, rounded to the precision of the surrounding ``products_in``."""
    return factors if _products is None else [one.to(_products) for one in factors]
