"""Orthogonality: the experts of a sample compute different features of it."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from moe_lab.parts import ConfigError, NonNegative, Regularizer, Sizes, Step

#: added to the squared cosines' unit diagonal, so that gradients stay finite for parallel features (within 0.6 degrees)
RIDGE = 1e-4


class Orthogonality(Regularizer):
    """mean of |P_e h_e|^2, with h_e an expert's features of a sample and P_e h_e their projection on the others' span.

    The mean is over samples and their selected experts, and the span is that of the other selected ones. With the
    cosines C of the features, the share of |h_e|^2 in that span is 1 - 1 / (C^-1)_ee.
    Source: Guo et al. 2025, Advancing expert specialization for better MoE, arXiv:2505.22323, as in the authors' code,
            which acts on the experts' outputs; here on their last hidden layer.

    weight:   its coefficient. The authors set it once, so that the product is 1e-4 at the start.
    relative: divide by |h_e|^2, so that smaller features do not lower it; the authors do not.
    features: the hidden layer "pre" or "post" its activation (ReLU).
    Raises ConfigError for k < 2, for experts without a hidden layer, and if E - 1 >= H, since then the others may span
    everything.
    """

    least_experts: ClassVar[int] = 2
    needs_every_expert: ClassVar[bool] = True

    def __init__(
        self,
        sizes: Sizes,
        *,
        weight: NonNegative = 0.001,
        relative: bool = False,
        features: Literal["pre", "post"] = "pre",
    ) -> None:
        super().__init__(weight)
        _check(sizes)
        self._relative = relative
        self._relu = features == "post"

    def forward(self, step: Step) -> Tensor:
        hidden_BEH = step.hidden_BEH
        if self._relu:
            hidden_BEH = hidden_BEH.relu()
        selected_BE = step.routing.selected_BE
        square_BE = hidden_BEH.square().sum(-1)
        value_BE = span_share(hidden_BEH, square_BE, selected_BE)
        if not self._relative:
            value_BE = value_BE * square_BE
        active = selected_BE.sum((-2, -1)).clamp(min=1)
        return torch.where(selected_BE, value_BE, 0.0).sum((-2, -1)) / active


def span_share(hidden_BEH: Tensor, square_BE: Tensor, selected_BE: Tensor) -> Tensor:
    """The share of each selected vector's squared length in the span of the row's other selected ones; 0 for zeros."""
    there_BE = selected_BE & (square_BE > 0)
    length_BE1 = torch.where(there_BE, square_BE, 1.0).sqrt().unsqueeze(-1)
    unit_BEH = torch.where(there_BE.unsqueeze(-1), hidden_BEH / length_BE1, 0.0)
    # unselected experts count as orthogonal to all others: their rows and columns are those of the identity
    size = selected_BE.shape[-1]
    eye_EE = torch.eye(size, dtype=hidden_BEH.dtype, device=hidden_BEH.device)
    cosine_BEE = torch.where(eye_EE > 0, 1 + RIDGE, unit_BEH @ unit_BEH.mT)
    # inv would synchronize with the device to check for success
    inverse_BEE = torch.linalg.inv_ex(cosine_BEE).inverse
    return 1 + RIDGE - 1 / inverse_BEE.diagonal(dim1=-2, dim2=-1)


def _check(sizes: Sizes) -> None:
    where = "regularizer orthogonality"
    hidden = sizes.read_hidden(where)
    if sizes.k < 2:
        raise ConfigError(f"{where} compares the experts of a sample, and k=1: take k of at least 2")
    if sizes.experts - 1 >= hidden:
        raise ConfigError(
            f"{where} needs fewer than H + 1 = {hidden + 1} experts, or the others span the whole hidden layer: raise "
            "experts.hidden, or lower experts.count"
        )
