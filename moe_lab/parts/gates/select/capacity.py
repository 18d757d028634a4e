"""The k largest scores, with a limit on each expert's samples of a batch (capacity)."""

from typing import Literal

import torch
from torch import Tensor

from moe_lab.parts import ALWAYS, Count, Noise, Positive, Select, Sizes, capacity, k_largest, log_odds, places, ranks

#: mesh-tensorflow always keeps a second expert of at least this weight
MESH_THRESHOLD = 0.2


class Capacity(Select):
    """The k largest scores, with a capacity of C samples of a batch per expert; excess assignments are dropped.

    C = max(min_capacity, ceil(capacity_factor k N / E)). All first choices are served before all second choices, and
    samples in the order of the batch. A dropped choice has weight zero; the others keep their weights. In evaluation
    there is no capacity by default, because a prediction would then depend on its batch-mates. The routing's extras
    have ``chosen_BE``, the choices before any was dropped, and ``overflow_B``, the share of a sample's k choices that
    was dropped.
    Source: Fedus, Zoph and Shazeer 2021, Switch transformers, arXiv:2101.03961, eq. 3.

    capacity_factor:   in training; 1 is room for every choice if they are even.
    evaluation_factor: in evaluation; null: no capacity.
    min_capacity:      least C.
    """

    extras = frozenset({"chosen_BE", "overflow_B"})
    active = "batch"

    def __init__(
        self,
        sizes: Sizes,
        *,
        capacity_factor: Positive = 1.25,
        evaluation_factor: Positive | None = None,
        min_capacity: Count = 4,
    ) -> None:
        super().__init__(sizes)
        self._factors = {True: capacity_factor, False: evaluation_factor}
        self.batch_dependent = frozenset({"training"}) if evaluation_factor is None else ALWAYS
        self._least = min_capacity

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return k_largest(logits_BE, self.sizes.k)

    def keep(self, logits_BE: Tensor, chosen_BE: Tensor, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        fits_BE = self._fits(logits_BE, chosen_BE)
        return chosen_BE & fits_BE, self._extras(chosen_BE, chosen_BE & ~fits_BE, logits_BE)

    def _fits(self, logits_BE: Tensor, queued_BE: Tensor) -> Tensor:
        """Whether the expert still has capacity when the sample is served."""
        factor, samples = self._factors[self.training], logits_BE.shape[-2]
        if factor is None:
            return torch.ones_like(queued_BE)
        room = capacity(factor, self.sizes.k, samples, self.sizes.experts, self._least)
        return places(queued_BE, logits_BE, self.turn(logits_BE)) < room

    def turn(self, logits_BE: Tensor) -> Tensor:
        """The order in which samples are served, [..., B, 1] from 0: that of the batch."""
        return torch.arange(logits_BE.shape[-2], device=logits_BE.device).unsqueeze(-1)

    def _extras(self, chosen_BE: Tensor, dropped_BE: Tensor, like: Tensor) -> dict[str, Tensor]:
        return {"chosen_BE": chosen_BE, "overflow_B": dropped_BE.sum(-1).to(like.dtype) / self.sizes.k}


class BatchPrioritized(Capacity):
    """The k largest scores under capacity; samples with the largest probability are served first.

    As ``capacity``, but first choices, then second choices, are served in falling order of max_e p_e, whatever their
    order in the batch. log p / (1 - p) is compared, which still differs if p is rounded to one. V-MoE's noise on the
    scores is left out.
    Source: Riquelme et al. 2021, Scaling vision with sparse mixture of experts (V-MoE), arXiv:2106.05974, batch
    prioritized routing.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        capacity_factor: Positive = 1.05,
        evaluation_factor: Positive | None = None,
        min_capacity: Count = 4,
    ) -> None:
        super().__init__(
            sizes,
            capacity_factor=capacity_factor,
            evaluation_factor=evaluation_factor,
            min_capacity=min_capacity,
        )

    def turn(self, logits_BE: Tensor) -> Tensor:
        sureness_B1 = log_odds(logits_BE).amax(-1, keepdim=True)
        return ranks(sureness_B1, dim=-2)


class GShard(Capacity):
    """The two largest scores under capacity; in training the second expert is kept at random, by its weight.

    With g2 = p2 / (p1 + p2) the second expert is kept if 2 g2 > u, u ~ U(0, 1). One that is not kept still counts
    against the capacity, as in the paper's algorithm 1. In both cases the first keeps g1 = p1 / (p1 + p2). Evaluation
    keeps both. Order and capacity are as in ``capacity``.
    Source: Lepikhin et al. 2020, GShard, arXiv:2006.16668, algorithm 1.

    second:            "paper" as above; "mesh" as in mesh-tensorflow's mixture: kept if g2 / 0.2 > u, and one
                       that is not kept does not count against the capacity.
    capacity_factor:   in training; 1 is room for every choice if they are even.
    evaluation_factor: in evaluation; null: no capacity.
    min_capacity:      least C.
    """

    k = 2

    def __init__(
        self,
        sizes: Sizes,
        *,
        second: Literal["paper", "mesh"] = "paper",
        capacity_factor: Positive = 1.25,
        evaluation_factor: Positive | None = None,
        min_capacity: Count = 4,
    ) -> None:
        super().__init__(
            sizes,
            capacity_factor=capacity_factor,
            evaluation_factor=evaluation_factor,
            min_capacity=min_capacity,
        )
        self._always = {"paper": 0.5, "mesh": MESH_THRESHOLD}[second]
        self._queues_all = second == "paper"

    def keep(self, logits_BE: Tensor, chosen_BE: Tensor, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        wanted_BE = chosen_BE & self._wants(logits_BE, noise) if self.training else chosen_BE
        fits_BE = self._fits(logits_BE, chosen_BE if self._queues_all else wanted_BE)
        return wanted_BE & fits_BE, self._extras(chosen_BE, wanted_BE & ~fits_BE, logits_BE)

    def _wants(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        """True for the first expert, and for all others of a sample if its draw keeps the second."""
        first_BE = ranks(logits_BE) == 0
        if self.sizes.k == 1:
            return first_BE
        top_B2 = logits_BE.detach().topk(2, dim=-1).values
        g2_B1 = (top_B2[..., 1:] - top_B2[..., :1]).sigmoid()
        return first_BE | (g2_B1 > self._always * noise.uniform(g2_B1))
