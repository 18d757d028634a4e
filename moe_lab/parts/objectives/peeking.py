"""Only the expert with the smallest loss learns."""

import math

from torch import Tensor

from moe_lab.parts import NonNegative, Objective, Sizes, Step, hyper

LN2 = math.log(2)


class Peeking(Objective):
    """loss_i = -log P_e(y_i) of the expert e with the least -log2 P_e(y_i) + s n_e, n_e ~ N(0, 1); only it learns.

    The label selects the expert only in training; at test the mixture's own gate combines the experts. (In the paper's
    code the label selects it at test, too, so its test accuracy has no meaning.) This is for gates without parameters,
    such as uniform; a gate for these experts can be trained afterwards. The paper's softmin of these numbers has the
    same arg-max at any temperature.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 ("peeking expert").

    noise: s, in bits.
    """

    needs_every_expert = True
    teaches = frozenset({"nothing"})

    def __init__(self, sizes: Sizes, *, noise: NonNegative = 1.0) -> None:
        super().__init__()
        self.noise_11 = hyper(noise, 2)

    def forward(self, step: Step) -> Tensor:
        log_likelihood_BE = step.output.expert_log_likelihood_BE(step.y_B)
        surprise_BE = -log_likelihood_BE.detach() / LN2
        noisy_BE = surprise_BE + self.noise_11 * step.noise.normal(surprise_BE)
        return -log_likelihood_BE.gather(-1, noisy_BE.argmin(-1, keepdim=True)).squeeze(-1)
