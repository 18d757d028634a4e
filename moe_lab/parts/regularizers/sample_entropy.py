"""Sample entropy: the entropy of the gate's distribution for each sample, minimized or maximized."""

from typing import ClassVar, Literal

from torch import Tensor

from moe_lab.parts import NonNegative, Regularizer, Sizes, Step, entropy_nats


class SampleEntropy(Regularizer):
    """mean_i H(p_i), nats, of the full distribution before selection; its negative with goal "max".

    Source: Grandvalet and Bengio 2004, Semi-supervised learning by entropy minimization (down); Pereyra et al. 2017,
    Regularizing neural networks by penalizing confident output distributions, arXiv:1701.06548 (up).

    weight: its coefficient; there is no published value for gates.
    goal:   "min", one expert for each sample; "max", all of them.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(self, sizes: Sizes, *, weight: NonNegative = 0.01, goal: Literal["min", "max"] = "min") -> None:
        super().__init__(weight)
        self._sign = 1 if goal == "min" else -1

    def forward(self, step: Step) -> Tensor:
        return self._sign * entropy_nats(step.routing.probs_BE).mean(-1)
