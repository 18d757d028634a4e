"""The probability mass of the selected experts, controlled to reach a mean number of experts."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Gate, NonNegative, Positive, Sizes, buffers_named, hyper

#: the least mass; any positive one selects at least one expert
LEAST = 0.01


class TopPBudget(Controller):
    """p = P e + s, s += I e, once per step; e = (k - mean number of experts per sample) / E. p and s stay in 0.01 to 1.

    A proportional and integral controller of the mass of ``top_p``: samples have different numbers of experts, with
    mean k. After training p stays as it is.
    Source: Jin et al. 2025, Sparsity-controllable dynamic top-p MoE for large foundation model pre-training,
    arXiv:2512.13996 (the controller; its gains could not be found, and its normalization of logits is left out).

    start:    s at first; it replaces the gate's own ``mass``; moe-lab's choice.
    gain:     P; moe-lab's choice.
    integral: I; moe-lab's choice.
    The mass and the mean number of experts are logged. Needs a gate with ``mass_11`` (gate=top_p).
    """

    steers: ClassVar[str] = "mass_11"

    def __init__(
        self, sizes: Sizes, *, start: Positive = 0.5, gain: NonNegative = 0.1, integral: NonNegative = 0.02
    ) -> None:
        super().__init__()
        self._k, self._experts = sizes.k, sizes.experts
        self.gain = hyper(gain)
        self.integral = hyper(integral)
        self.sum = nn.Buffer(torch.full((), start))
        self.mass = nn.Buffer(torch.full((), start))
        self.active = nn.Buffer(torch.full((), float(sizes.k)))

    def before_step(self, gate: Gate, progress: Tensor) -> None:
        for mass_11 in buffers_named(gate, self.steers):
            mass_11.copy_(self.mass[..., None, None])

    def after_step(self, step: AnyStep) -> None:
        chosen_BE = step.routing.chosen_BE
        self.active.copy_(chosen_BE.sum((-2, -1)) / chosen_BE.shape[-2])
        error = (self._k - self.active) / self._experts
        self.sum.add_(self.integral * error).clamp_(LEAST, 1)
        self.mass.copy_((self.sum + self.gain * error).clamp(LEAST, 1))
        self.before_step(step.gate, error)

    def readings(self) -> dict[str, Tensor]:
        return {"mass": self.mass, "active_experts": self.active}
