"""The role of baselines, and the gate of the one expert that they leave."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from moe_lab.layers.noise import Noise
from moe_lab.parts.roles import Config, Experts, Gate, Sizes
from moe_lab.parts.traits import Traits
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertsOutput
from moe_lab.tasks import Task


class Baseline(ABC):
    """What stands in for the mixture: a bank of one expert, without a gate."""

    #: the one task that the baseline can serve; None: that of the mixture's experts
    task: ClassVar[Task | None] = None

    @abstractmethod
    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts | None:
        """The one expert that stands in for the mixture of ``experts`` and ``gate``, built from ``config``; None where
        the mixture stays. Raises ConfigError where the config has no such baseline."""


class Alone(Gate):
    """The gate of one expert: weight one, nothing to learn."""

    traits = Traits(rows_sum_to_one=True, gives_logits=False)

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, k=None, combine=None)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        ones_B1 = torch.ones_like(x_BD[..., :1])
        return Routing(ones_B1, ones_B1, ones_B1 > 0, log_weights_BE=torch.zeros_like(ones_B1))
