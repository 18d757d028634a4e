"""Experts choose samples."""

from torch import Tensor

from moe_lab.parts import ALWAYS, Noise, Select, log_odds, ranks


class ExpertChoice(Select):
    """Every expert selects the C samples of a batch with the largest p for it; a sample may get none, or all experts.

    C = max(1, round(k N / E)) of a batch of N, so k, the paper's capacity factor c, is the mean number of experts per
    sample; p = softmax(z) over the experts. log p / (1 - p) is compared, which still differs if p is rounded to one.
    Ties go to the earlier sample. Every prediction depends on its batch-mates, in evaluation, too: test samples are
    evaluated in order, in batches of the training size.
    Source: Zhou et al. 2022, Mixture-of-experts with expert choice routing, arXiv:2202.09368.
    """

    active = "batch"
    balanced = True
    batch_dependent = ALWAYS

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        samples = logits_BE.shape[-2]
        taken = max(1, round(self.sizes.k * samples / self.sizes.experts))
        return ranks(log_odds(logits_BE), dim=-2) < taken
