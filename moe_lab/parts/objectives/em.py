"""Expectation maximization, with one gradient M-step per batch."""

from typing import Literal

import torch
from torch import Tensor

from moe_lab.parts import GaussianMixtureOutput, MixtureOutput, Objective, Sizes, Step, given


class Em(Objective):
    """loss_i = -sum_e h_e (log w_e + log P_e(y_i)), with the responsibilities h of the E step, which have no gradient.

    Soft: h_e = w_e P_e(y_i) / sum_e' w_e' P_e'(y_i). Hard: h is one at the largest of these (ties by index) and zero
          elsewhere. The E step is computed at the current parameters, so the gradient of the soft form is exactly that
          of the mixture's likelihood; the value is larger by the entropy of h. ``recipe=em`` keeps h for several steps.
    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm; the hard form: as the code of
    arXiv:2302.14703 assigns samples.

    responsibilities: "soft" or "hard".
    """

    task = None
    needs_every_expert = True
    needs_distribution = True

    def __init__(self, sizes: Sizes, *, responsibilities: Literal["soft", "hard"] = "soft") -> None:
        super().__init__()
        self._hard = responsibilities == "hard"

    def forward(self, step: Step) -> Tensor:
        joint_BE = self.joint(step.output, step.y_B)
        responsibilities_BE = step.added.get("responsibilities_BE")
        if responsibilities_BE is None:
            responsibilities_BE = self.e_step(joint_BE.detach())
        # log w is -inf if an expert is not selected; 0 times it counts as 0
        return -(responsibilities_BE * joint_BE.masked_fill(responsibilities_BE == 0, 0.0)).sum(-1)

    def joint(self, output: MixtureOutput | GaussianMixtureOutput, y_B: Tensor) -> Tensor:
        """log w_e + log P_e(y), [..., B, E]."""
        return given(output.routing.log_weights_BE, "log_weights_BE") + output.expert_log_likelihood_BE(y_B)

    def e_step(self, joint_BE: Tensor) -> Tensor:
        """The responsibilities [..., B, E] from log w_e + log P_e(y)."""
        if self._hard:
            best_B1 = joint_BE.argmax(-1, keepdim=True)
            return torch.zeros_like(joint_BE).scatter(-1, best_B1, 1.0)
        return joint_BE.softmax(-1)
