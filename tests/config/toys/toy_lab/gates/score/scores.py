"""Scores."""

from moe_lab.config.ranges import Count
from toy_lab.roles import Score


class Mlp(Score):
    """One hidden layer.

    Source: Someone 1991, A paper whose line
    goes on here, arXiv:1234.56789.
    hidden: its width.
    """

    def __init__(self, sizes: int, *, hidden: Count = 32) -> None:
        self.sizes, self.hidden = sizes, hidden


class Attentive(Score):
    """Attention over the experts' features."""

    def __init__(self, sizes: int, *, heads: Count = 2) -> None:
        self.sizes, self.heads = sizes, heads
