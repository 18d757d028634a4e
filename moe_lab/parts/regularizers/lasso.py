"""Lasso on the gate's last layer: weights, inputs or whole experts that are exactly zero."""

from typing import Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import AnyStep, Gate, Linear, NonNegative, Reason, Regularizer, Sizes, Step, StepSizes, given

#: number of bisections for the length of a group, enough for single precision
HALVINGS = 32


class Lasso(Regularizer):
    """lambda |W|, W the weights of the gate's last layer, with exact zeros by element, input or expert.

    |W| is the sum of |W_ie| (by element), of |W_i.|_2 (by input), or of |(W_.e, b_e)|_2 (by expert, with the bias).
    It has no gradient: after the optimizer's step W becomes argmin_V sum_j (V_j - W_j)^2 / (2 eta_j) + lambda |V|, the
                        proximal map, which gives exact zeros; by element V = sign(W) max(|W| - eta lambda, 0). eta_j is
                        the coordinate's effective step size, lr / (sqrt(v) + eps) under Adam, so that the optimum of
                        the penalized loss does not depend on the optimizer. By element and by input b is not penalized.
                        To select pixels take ``gate/score=linear``; with another body the inputs are the body's
                        features.
    Source: Tibshirani 1996, Regression shrinkage and selection via the lasso; Yuan and Lin 2006, Model selection and
    estimation in regression with grouped variables; Parikh and Boyd 2014, Proximal algorithms, section 6.5.

    weight: lambda. For a loss that is a mean over N samples, scikit-learn's C is 1 / (N lambda).
    by:     "element"; "input", which removes inputs for all experts; "expert", which removes experts, and so needs a
            gate in which a score of zero gives no weight, such as relu: under softmax it would still have one.
    The share of elements, inputs or experts that are exactly zero is logged. Needs a gate whose scores come from a
    linear layer.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        weight: NonNegative = 0.001,
        by: Literal["element", "input", "expert"] = "element",
    ) -> None:
        super().__init__(weight)
        self._by = by
        self.zero_share = nn.Buffer(torch.zeros(()), persistent=False)

    def misfit(self, gate: Gate) -> Reason | None:
        if gate.head is None:
            return Reason("needs a gate whose scores come from a linear layer, and this one's do not")
        if self._by == "expert" and not gate.traits.silent:
            return Reason(
                "needs a gate in which a score of zero gives no weight, to remove experts",
                ("take regularizers.lasso.by=element or input",),
            )
        return None

    def forward(self, step: Step) -> Tensor:
        return self._sizes(self._penalized(step.gate).detach()).sum(-1)

    def after_step(self, step: AnyStep, step_sizes: StepSizes) -> None:
        head, bias_1E, penalized_IE = _head(step.gate), self._bias(step.gate), self._penalized(step.gate)
        if not head.weight_IO.requires_grad:
            # the gate is frozen
            return
        step_IE = step_sizes(head.weight_IO).expand_as(head.weight_IO)
        if bias_1E is not None:
            step_IE = torch.cat((step_IE, step_sizes(bias_1E).expand_as(bias_1E)), -2)
        weight_11 = self.weight[..., None, None]
        if self._by == "element":
            mapped_IE = soft_threshold(penalized_IE, step_IE * weight_11)
        else:
            mapped_IE = shrink_groups(penalized_IE, 1 / step_IE, weight_11, self._axis)
        inputs = head.weight_IO.shape[-2]
        head.weight_IO.copy_(mapped_IE[..., :inputs, :])
        if bias_1E is not None:
            bias_1E.copy_(mapped_IE[..., inputs:, :])
        self.zero_share.copy_((self._sizes(mapped_IE) == 0).to(mapped_IE.dtype).mean(-1))

    def readings(self) -> dict[str, Tensor]:
        return {"zero_share": self.zero_share}

    @property
    def _axis(self) -> int:
        """The axis of a group's elements."""
        return -1 if self._by == "input" else -2

    def _bias(self, gate: Gate) -> nn.Parameter | None:
        """The penalized parameters."""
        return _head(gate).bias_1O if self._by == "expert" else None

    def _penalized(self, gate: Gate) -> Tensor:
        """The weights [..., I, E]; by expert with the bias as the last row."""
        weight_IE, bias_1E = _head(gate).weight_IO, self._bias(gate)
        return weight_IE if bias_1E is None else torch.cat((weight_IE, bias_1E), -2)

    def _sizes(self, penalized_IE: Tensor) -> Tensor:
        """|W| of every element or group, on one axis."""
        if self._by == "element":
            return penalized_IE.abs().flatten(-2)
        return torch.linalg.vector_norm(penalized_IE, dim=self._axis)


def _head(gate: Gate) -> Linear:
    return given(gate.head, "the gate's linear layer")


def soft_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """sign(w) max(|w| - threshold, 0)."""
    return w.sign() * (w.abs() - threshold).clamp(min=0)


def shrink_groups(w: Tensor, curvature: Tensor, weight: Tensor, axis: int) -> Tensor:
    """argmin_v sum_j c_j (v_j - w_j)^2 / 2 + weight |v|_2 of every group along ``axis``.

    v_j = t c_j w_j / (t c_j + weight), with t = |v| such that sum_j (c_j w_j / (t c_j + weight))^2 = 1, and v = 0 if |c
    w| <= weight. With equal c this is w max(1 - weight / (c |w|), 0).
    """
    pull = curvature * w
    low = torch.zeros_like(torch.linalg.vector_norm(w, dim=axis, keepdim=True))
    high = torch.linalg.vector_norm(w, dim=axis, keepdim=True)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # as a comparison of lengths, to avoid a division by zero
        beyond = torch.linalg.vector_norm(pull / _positive(middle * curvature + weight), dim=axis, keepdim=True) > 1
        low, high = torch.where(beyond, middle, low), torch.where(beyond, high, middle)
    kept = torch.linalg.vector_norm(pull, dim=axis, keepdim=True) > weight
    shrunk = high * pull / _positive(high * curvature + weight)
    return torch.where(weight > 0, torch.where(kept, shrunk, 0.0), w)


def _positive(divisor: Tensor) -> Tensor:
    return torch.where(divisor > 0, divisor, 1.0)
