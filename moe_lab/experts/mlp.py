"""Experts with one hidden layer."""

from torch import Tensor, nn

from moe_lab.layers import Linear
from moe_lab.parts import Experts, Sizes
from moe_lab.ranges import Count


class Mlp(Experts):
    """E networks with one hidden layer: log P_e(y|x) = log_softmax(relu(x W_e + b_e) V_e + c_e).

    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts.

    count:  E, the number of experts.
    hidden: H, the width of an expert's hidden layer.
    """

    def __init__(self, sizes: Sizes, *, count: Count = 5, hidden: Count = 16) -> None:
        super().__init__(count, lambda: _Network(sizes, hidden), hidden_features=hidden)


class _Network(nn.Module):
    def __init__(self, sizes: Sizes, hidden: int) -> None:
        super().__init__()
        self.first = Linear(sizes.features, hidden)
        self.output = Linear(hidden, sizes.classes)

    def forward(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        hidden_BH = self.first(x_BD)
        return hidden_BH, self.output(hidden_BH.relu())
