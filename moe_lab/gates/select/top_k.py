"""The k largest scores."""

from torch import Tensor

from moe_lab.choice import k_largest
from moe_lab.noise import Noise
from moe_lab.parts import Select


class TopK(Select):
    """The k experts of the largest logits; of equal logits the lower index. With k = E every expert.

    Source: Shazeer et al. 2017, arXiv:1701.06538, eq. 5.
    """

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return k_largest(logits_BE, self.sizes.k)
