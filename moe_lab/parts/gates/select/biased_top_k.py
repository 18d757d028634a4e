"""The k largest of scores plus a bias that a controller updates, among all experts or those of a few groups."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import ConfigError, Count, Noise, Select, Sizes, k_largest


class BiasedTopK(Select):
    """The k experts of the largest s_e + b_e. The bias is used in the selection, never in the weights.

    b (``selection_bias_1E``, a buffer) starts at zero and has no gradient; the controller ``loss_free_bias`` updates it
    so that loads become even. Without a controller these are the k largest scores. Ties go to the larger logit, since s
    is rounded to one or zero already for moderate logits (sigmoid in float32 to one from 16.7 on), then to the lower
    index.
    Source: Wang et al. 2024, Auxiliary-loss-free load balancing, arXiv:2408.15664.

    score: s, to which the bias is added: "sigmoid" of the logits, as in the paper, or their "softmax".
    """

    grows = True

    def __init__(self, sizes: Sizes, *, score: Literal["sigmoid", "softmax"] = "sigmoid") -> None:
        super().__init__(sizes)
        self._softmax = score == "softmax"
        self.selection_bias_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)

    def biased(self, logits_BE: Tensor) -> Tensor:
        """The compared values: s + b, and -inf for a masked expert, whose logit is -inf."""
        score_BE = logits_BE.softmax(-1) if self._softmax else logits_BE.sigmoid()
        return (score_BE + self.selection_bias_1E).masked_fill(logits_BE == -torch.inf, -torch.inf)

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return k_largest(self.biased(logits_BE), self.sizes.k, logits_BE)


class GroupLimited(BiasedTopK):
    """The k experts of the largest sigmoid(z_e) + b_e among those of the best groups. b is never used in the weights.

    The E experts are g groups of E / g experts side by side. A group's score is the sum of its ``best`` largest
    sigmoid(z_e) + b_e, and the ``top_groups`` groups with the largest sums are kept. Ties go to the larger sum of as
    many largest logits, then to the lower index; among experts ties are broken as in ``biased_top_k``. With one group,
    the default, it is equal to ``biased_top_k``. If experts are masked and the kept groups have fewer than k others,
    experts of other groups are added.
    Source: DeepSeek-AI 2024, DeepSeek-V3 technical report, arXiv:2412.19437, section 2.1.2 (node-limited routing): its
            groups are nodes, 8 of 32 experts, of which 4 are kept; it sums the k / top_groups largest, which are 2 for
            its k of 8.

    groups:     g.
    top_groups: number of groups that a sample's experts may come from.
    best:       number of a group's experts that count in the group's score, at most all of them; null: k / top_groups,
                rounded down, and at least one.
    Raises ConfigError if g does not divide E, if ``top_groups`` is more than g, or if these groups have fewer than k
    experts.
    """

    absent: ClassVar[Mapping[str, Any]] = {"best": 2}

    def __init__(self, sizes: Sizes, *, groups: Count = 1, top_groups: Count = 1, best: Count | None = 2) -> None:
        super().__init__(sizes)
        _check(sizes, groups, top_groups)
        self._groups = groups
        self._top_groups = top_groups
        self._best = min(best or max(1, sizes.k // top_groups), sizes.experts // groups)

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        biased_BE = self.biased(logits_BE)
        best_BG = k_largest(self._of_groups(biased_BE), self._top_groups, self._of_groups(logits_BE))
        there_BE = best_BG.repeat_interleave(self.sizes.experts // self._groups, dim=-1)
        return k_largest(biased_BE.masked_fill(~there_BE, -torch.inf), self.sizes.k, logits_BE)

    def _of_groups(self, values_BE: Tensor) -> Tensor:
        """The sum of the largest values of every group, [..., B, G]; a masked expert adds nothing."""
        values_BGe = values_BE.detach().unflatten(-1, (self._groups, -1))
        best_BGb = values_BGe.topk(self._best, dim=-1).values
        there_BGb = best_BGb > -torch.inf
        sums_BG = best_BGb.masked_fill(~there_BGb, 0.0).sum(-1)
        return sums_BG.masked_fill(~there_BGb.any(-1), -torch.inf)


def _check(sizes: Sizes, groups: int, top_groups: int) -> None:
    if sizes.experts % groups:
        raise ConfigError(
            f"gate.select.groups={groups} does not divide experts.count={sizes.experts}: take a divisor of it"
        )
    if top_groups > groups:
        raise ConfigError(
            f"gate.select.top_groups={top_groups} keeps more groups than gate.select.groups={groups}: "
            f"take at most {groups}"
        )
    held = top_groups * (sizes.experts // groups)
    if sizes.k > held:
        raise ConfigError(
            f"k={sizes.k} selects more than the {held} experts of gate.select.top_groups={top_groups} "
            "groups: raise gate.select.top_groups, or lower k"
        )
