"""Experts drawn by their probability."""

from torch import Tensor

from moe_lab.parts import Noise, Select, k_largest


class Sample(Select):
    """In training k experts drawn without replacement, with probabilities p = softmax(z); at test the k largest z.

    The draws are the k largest z_e + G_e, G standard Gumbel numbers (Kool et al. 2019, arXiv:1903.06059).
    """

    draws = True

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        scores_BE = logits_BE + noise.gumbel(logits_BE) if self.training else logits_BE
        return k_largest(scores_BE, self.sizes.k)
