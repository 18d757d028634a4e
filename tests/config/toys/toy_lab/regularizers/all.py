from moe_lab.config.ranges import NonNegative
from toy_lab.roles import Regularizer


class Importance(Regularizer):
    def __init__(self, sizes: int, *, weight: NonNegative = 0.1) -> None:
        self.weight = weight


class ZLoss(Importance): ...
