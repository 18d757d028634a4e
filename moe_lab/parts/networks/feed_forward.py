"""The feed-forward network of a transformer's block."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from moe_lab.parts import GroupedRows, Linear

Activation = Literal["relu", "gelu", "swiglu"]
Rows = Tensor | GroupedRows


class FeedForward(nn.Module):
    """y = a(x W + b) V + c, with a ReLU or GELU; with swiglu y = (silu(x W + b) * (x U + d)) V + c.

    Returns a's input, x W + b [..., B, H], and y_BD. W and U are the two halves of one layer.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.3; Hendrycks and Gimpel 2016 (GELU), arXiv:1606.08415;
    Shazeer 2020, GLU variants improve transformer, arXiv:2002.05202.
    """

    def __init__(self, features: int, hidden: int, activation: Activation, bias: bool) -> None:
        super().__init__()
        self._hidden = hidden
        self._activation = activation
        self.inner = Linear(features, 2 * hidden if activation == "swiglu" else hidden, bias=bias)
        self.outer = Linear(hidden, features, bias=bias)

    def forward(self, x_BD: Rows) -> tuple[Rows, Rows]:
        inner = self.inner(x_BD)
        hidden = _by_row(self._first, inner) if self._activation == "swiglu" else inner
        return hidden, self.outer(_by_row(self._active, inner))

    def _first(self, inner_BX: Tensor) -> Tensor:
        return inner_BX[..., : self._hidden]

    def _active(self, inner_BX: Tensor) -> Tensor:
        match self._activation:
            case "relu":
                return inner_BX.relu()
            case "gelu":
                return functional.gelu(inner_BX)
            case "swiglu":
                first_BH, second_BH = inner_BX.chunk(2, -1)
                return functional.silu(first_BH) * second_BH


def _by_row(function: Callable[[Tensor], Tensor], x: Rows) -> Rows:
    return x.map(function) if isinstance(x, GroupedRows) else function(x)
