"""Scores from the sum of a sample's patches."""

from math import prod

from torch import Tensor

from moe_lab.parts import ExpertsOutput, Linear, Noise, NonNegative, Score, Sizes, hyper


class Patches(Score):
    """z_e = sum_p w_e . x_p + r_e, r_e uniform in [0, noise): linear in the sum of the patches, with noise.

    The patches are the rows of an image; a sample without rows is one patch. W starts at zero, so the noise breaks the
    symmetry between experts.
    Source: Chen, Deng, Wu, Gu and Li 2022, arXiv:2208.02813, section 3.2.

    noise:         width of the noise; 0: none.
    noise_at_test: draw it at test, too, as the authors' code does.
    """

    def __init__(self, sizes: Sizes, *, noise: NonNegative = 1.0, noise_at_test: bool = False) -> None:
        super().__init__()
        self._shape = (prod(sizes.shape[:-1]), sizes.shape[-1])
        self._noise_at_test = noise_at_test
        self.noise_11 = hyper(noise, 2)
        self.head = Linear(sizes.shape[-1], sizes.experts, bias=False)
        self.head.weight_IO.data.zero_()

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        logits_BE = self.head(x_BD.unflatten(-1, self._shape).sum(-2))
        if self.training or self._noise_at_test:
            logits_BE = logits_BE + noise.uniform(logits_BE) * self.noise_11
        return logits_BE

    def columns(self) -> tuple[Tensor, ...]:
        return tuple(self.head.parameters())
