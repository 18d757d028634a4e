"""The base class of weights by a projection onto the simplex: softmax and its sparse variants."""

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor

from moe_lab.config.ranges import Positive
from moe_lab.errors import ConfigError
from moe_lab.layers.stacking import hyper
from moe_lab.parts.roles import Sizes
from moe_lab.parts.steps import Weigh


class Projection(Weigh):
    """p = projection of z / T; the weights are p over all experts, or the projection over only the selected ones.

    over:        "all", "selected", or null: all for k = 1, selected otherwise.
    temperature: T.
    Raises ConfigError for k = 1 over the selected: that weight is always one, and gives the gate no gradient.
    """

    def __init__(
        self, sizes: Sizes, *, over: Literal["all", "selected"] | None = None, temperature: Positive = 1.0
    ) -> None:
        super().__init__()
        if over == "selected" and sizes.k == 1 and sizes.experts > 1:
            raise ConfigError(
                "gate.weigh.over=selected with k=1 gives the gate no gradient (the one weight is always "
                "1): leave gate.weigh.over null, or take k of at least 2"
            )
        self._all = over == "all" or (over is None and sizes.k == 1)
        self._every_expert = sizes.k == sizes.experts
        self.resolved = {"over": "all" if self._all or self._every_expert else "selected"}
        self.temperature_11 = hyper(temperature, 2)

    @abstractmethod
    def project(self, scores_BE: Tensor) -> Tensor:
        """log p of every row, -inf if p is zero. A score of -inf gets no weight."""

    @property
    def rows_sum_to_one(self) -> bool:
        return self._every_expert or not self._all

    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        scaled_BE = logits_BE / self.temperature_11
        log_probs_BE = self.project(scaled_BE)
        probs_BE = log_probs_BE.exp()
        if not self.rows_sum_to_one:
            # where is several times as fast as masked_fill if experts are not contiguous in memory, as in logits
            return probs_BE, torch.where(selected_BE, probs_BE, 0.0), None
        log_weights_BE = log_probs_BE if self._every_expert else self._over_selected(scaled_BE, selected_BE)
        log_weights_BE = torch.where(selected_BE, log_weights_BE, -torch.inf)
        return probs_BE, log_weights_BE.exp(), log_weights_BE

    def _over_selected(self, scaled_BE: Tensor, selected_BE: Tensor) -> Tensor:
        # a row without any selected expert would be NaN, also in its gradient
        others_BE = ~selected_BE & selected_BE.any(-1, keepdim=True)
        return self.project(torch.where(others_BE, -torch.inf, scaled_BE))
