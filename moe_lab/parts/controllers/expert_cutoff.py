"""Cutoffs such that each expert gets its share of the samples."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Share, Sizes, buffers_named, hyper


class ExpertCutoff(Controller):
    """c_e = d c_e + (1 - d) q_e once per step, q_e the n-th largest score of expert e in the batch, n = k N / E of N.

    c_e estimates the score that the share k / E of all samples exceeds. So all experts have the same load on average,
    without the selection depending on the batch: expert choice for causal models. In step t, counted from 1, 1 - d is
    at least 1 / t, so that c is the plain mean at first. Sun et al. instead use expert choice in the first 4,000 steps,
    until their average has settled, and bound an expert's samples in training.
    Source: Sun et al. 2026, Expert threshold routing, arXiv:2603.11535, algorithm 1.

    decay: d; Sun et al. take 0.999.
    Every cutoff is logged. Needs a gate with ``cutoff_1E`` (gate=expert_threshold).
    """

    steers: ClassVar[str] = "cutoff_1E"

    def __init__(self, sizes: Sizes, *, decay: Share = 0.999) -> None:
        super().__init__()
        self._share = sizes.k / sizes.experts
        self.decay_11 = hyper(decay, 2)
        self.cutoff_1E = nn.Buffer(torch.zeros(1, sizes.experts))
        self.step_11 = nn.Buffer(torch.zeros(1, 1))

    def after_step(self, step: AnyStep) -> None:
        scores_BE = step.routing.logits_BE
        if scores_BE is None:
            raise TypeError("cutoffs are of scores, and this gate has none")
        taken = max(1, round(self._share * scores_BE.shape[-2]))
        passed_1E = scores_BE.topk(taken, dim=-2).values[..., -1:, :]
        self.step_11.add_(1)
        pace_11 = torch.maximum(1 - self.decay_11, 1 / self.step_11)
        self.cutoff_1E.add_(pace_11 * (passed_1E - self.cutoff_1E))
        for cutoff_1E in buffers_named(step.gate, self.steers):
            cutoff_1E.copy_(self.cutoff_1E)

    def readings(self) -> dict[str, Tensor]:
        return {f"cutoff_{e}": cutoff.squeeze(-1) for e, cutoff in enumerate(self.cutoff_1E.unbind(-1))}
