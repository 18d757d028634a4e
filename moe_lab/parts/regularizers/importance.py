"""Importance: every expert gets the same summed weight."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from moe_lab.parts import AnyStep, NonNegative, Sizes
from moe_lab.parts.batch_statistics import BATCH, BatchStatistic, Sums


class Importance(BatchStatistic):
    """CV^2(I) = var_e(I) / mean_e(I)^2 of the importances I_e = sum_i w_ie over the batch.

    Source: Shazeer et al. 2017, Outrageously large neural networks, arXiv:1701.06538, eq. 6 and 7.

    weight:     its coefficient; Shazeer et al. take 0.1, Krishnamurthy et al. 2023 (arXiv:2302.14703) 0.2 to 1.
    correction: 1 divides the variance by E - 1, as in arXiv:2302.14703's code; 0 divides by E.
    scope:      of the sums: moe_lab.parts.batch_statistics.
    Needs at least two experts.
    """

    least_experts: ClassVar[int] = 2
    reads = frozenset({"weights_BE"})

    def __init__(
        self, sizes: Sizes, *, weight: NonNegative = 0.1, correction: Literal[0, 1] = 1, scope: str = BATCH
    ) -> None:
        super().__init__(weight, scope)
        self._correction = correction

    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        return {"weights": step.routing.weights_BE}

    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        importance_E = sums["weights"]
        mean = importance_E.mean(-1)
        # a batch that no expert got has no importances
        return importance_E.var(-1, correction=self._correction) / torch.where(mean > 0, mean, 1.0).square()
