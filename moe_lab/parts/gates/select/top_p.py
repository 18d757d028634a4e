"""The fewest experts with a given total probability."""

from typing import Annotated

import torch
from torch import Tensor

from moe_lab.parts import Noise, Range, Select, Sizes, hyper

Mass = Annotated[float, Range(gt=0, le=1)]


class TopP(Select):
    """The fewest experts whose probabilities p = softmax(z) sum to ``mass`` or more, the largest first.

    A sample with one large probability gets one expert, others get more. k does not limit the number; it is the mean
    number that the controller ``top_p_budget`` aims at. Ties by index.
    Source: Huang et al. 2024, Harder tasks need more experts: dynamic routing in MoE models, arXiv:2403.07652.

    mass: the total probability; Huang et al. take 0.4.
    """

    active = "learned"
    grows = True

    def __init__(self, sizes: Sizes, *, mass: Mass = 0.4) -> None:
        super().__init__(sizes)
        self.mass_11 = hyper(mass, 2)

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        probs_BE, expert_BE = logits_BE.detach().softmax(-1).sort(stable=True, dim=-1, descending=True)
        # the total of the experts before this one: zero for the first, so it is always chosen
        before_BE = probs_BE.cumsum(-1) - probs_BE
        chosen_BE = (before_BE < self.mass_11) & (probs_BE > 0)
        return torch.zeros_like(chosen_BE).scatter(-1, expert_BE, chosen_BE)
