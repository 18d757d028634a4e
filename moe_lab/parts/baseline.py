"""The role of baselines, and the gate of a single expert."""

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
    """A replacement for the mixture: a bank of one expert, without a gate."""

    #: the only task of the baseline; None: that of the mixture's experts
    task: ClassVar[Task | None] = None

    @abstractmethod
    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts | None:
        """The expert, built from ``config``, that replaces the mixture of ``experts`` and ``gate``; None to keep it.

        Raises ConfigError if the config does not allow this baseline.
        """


class Alone(Gate):
    """The gate of a single expert: its weight is one, and there is nothing to learn."""

    traits = Traits(rows_sum_to_one=True, gives_logits=False)

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, k=None, combine=None)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        ones_B1 = torch.ones_like(x_BD[..., :1])
        return Routing(ones_B1, ones_B1, ones_B1 > 0, log_weights_BE=torch.zeros_like(ones_B1))
