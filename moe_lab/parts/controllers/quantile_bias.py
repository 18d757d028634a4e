"""A bias on the selection that balances loads: the dual of balanced assignment, solved step by step."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Controller, Gate, Reason, Sizes, SteppedGate, buffers_named


class QuantileBias(Controller):
    """b_e = -((n + 1)-th largest of s_ie - a_i over the batch), a_i the (k + 1)-th largest of s_i + b; n = k N / E.

    Updated once per step. s_i are the compared scores of sample i, N the number of samples, and n is rounded down. -b
    and a are the prices of experts and samples in the linear program that gives every expert n samples and every sample
    k experts with the largest sum of scores. A training step is one step of coordinate descent on its dual, without a
    rate. b is used in the selection only, not in weights, and stays as it is after training.
    Source: Sun 2025, Binary-integer-programming based algorithm for expert load balancing in mixture-of-experts models,
    arXiv:2502.15451 (at most n samples, so that prices are not negative); with exactly n as in Megatron-LM's quantile
    balancing, one iteration per batch.

    Every expert's bias is logged. Needs a gate of three steps that selects fewer than all experts and has
    ``selection_bias_1E``, and batches of at least E / k samples.
    """

    steers: ClassVar[str] = "selection_bias_1E"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.bias_1E = nn.Buffer(torch.zeros(1, sizes.experts))

    def misfit(self, gate: Gate) -> Reason | None:
        if gate.sizes.k == gate.sizes.experts:
            lacks = "needs a gate that selects, and with k equal to experts.count every expert is selected"
            return Reason(lacks, ("lower k",))
        if not isinstance(gate, SteppedGate):
            return Reason("needs a gate of three steps, whose scores it can read, and this one is none")
        return None

    def after_step(self, step: AnyStep) -> None:
        gate, logits_BE = step.gate, step.routing.logits_BE
        if not isinstance(gate, SteppedGate) or logits_BE is None:
            raise TypeError("biases are of compared scores, and this gate has none")
        biased_BE = gate.select.biased(logits_BE)
        samples, k = logits_BE.shape[-2], gate.sizes.k
        next_B1 = biased_BE.topk(k + 1, dim=-1).values[..., -1:]
        over_BE = biased_BE - self.bias_1E - next_B1
        place = min(k * samples // gate.sizes.experts, samples - 1)
        self.bias_1E.copy_(-over_BE.topk(place + 1, dim=-2).values[..., -1:, :])
        for bias_1E in buffers_named(gate, self.steers):
            bias_1E.copy_(self.bias_1E)

    def readings(self) -> dict[str, Tensor]:
        return {f"bias_{e}": bias.squeeze(-1) for e, bias in enumerate(self.bias_1E.unbind(-1))}
