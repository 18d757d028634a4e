"""Experts with one hidden layer."""

from moe_lab.parts import Count, ExpertCount, Experts, Sizes
from moe_lab.parts.networks.classifier import Classifier
from moe_lab.parts.networks.mlp import Mlp as Body


class Mlp(Experts):
    """E networks with one hidden layer: log P_e(y|x) = log_softmax(relu(x W_e + b_e) V_e + c_e).

    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts.

    count:  E, the number of experts.
    hidden: H, the width of an expert's hidden layer.
    """

    runs_sparse = True

    def __init__(self, sizes: Sizes, *, count: ExpertCount = 5, hidden: Count = 16) -> None:
        super().__init__(count, lambda: Classifier(Body(sizes, hidden=(hidden,)), sizes.classes), hidden)
