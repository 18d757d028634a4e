"""Linear experts."""

from torch import Tensor, nn

from moe_lab.parts import ExpertCount, Experts, Sizes
from moe_lab.parts import Linear as LinearLayer


class Linear(Experts):
    """E softmax regressions: log P_e(y|x) = log_softmax(x W_e + b_e).

    They have no hidden layer, so gates that read hidden features refuse them.
    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm (generalized linear experts).

    count: E, the number of experts.
    """

    runs_sparse = True

    def __init__(self, sizes: Sizes, *, count: ExpertCount = 5) -> None:
        super().__init__(count, lambda: _Network(sizes), hidden_features=None)


class _Network(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.output = LinearLayer(sizes.features, sizes.classes)

    def forward(self, x_BD: Tensor) -> tuple[None, Tensor]:
        return None, self.output(x_BD)
