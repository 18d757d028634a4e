"""Experts of one convolution over patches."""

from math import prod
from typing import Literal

from torch import Tensor, nn

from moe_lab.layers.grouped import GroupedRows
from moe_lab.parts import Count, ExpertCount, Experts, Linear, Positive, Sizes

Rows = Tensor | GroupedRows


class ConvCubic(Experts):
    """P_e = softmax(f), f_c = sum_j sum_p a(w_cj . x_p + b_cj): one convolution over the patches x_p of a sample.

    The patches are the rows of an image; a sample without rows is one patch. Experts with a(z) = z^3 can recover the
    clusters of ``dataset=chen2022``, by theorem; linear ones, a(z) = z, cannot.
    Source: Chen, Deng, Wu, Gu and Li 2022, Towards understanding the mixture-of-experts layer in deep learning,
    arXiv:2208.02813; biases and the initial scale as in their code.

    count:      E, the number of experts.
    filters:    J, filters of each class.
    activation: a: "cubic" or "linear".
    scale:      factor of the initial weights, which are uniform in +-1/sqrt(length of a patch); 1 for an expert that is
                trained alone, as in the authors' code.
    """

    runs_sparse = True

    def __init__(
        self,
        sizes: Sizes,
        *,
        count: ExpertCount = 8,
        filters: Count = 8,
        activation: Literal["cubic", "linear"] = "cubic",
        scale: Positive = 1e-3,
    ) -> None:
        super().__init__(count, lambda: _Network(sizes, filters, activation == "cubic", scale), hidden_features=None)


class _Network(nn.Module):
    def __init__(self, sizes: Sizes, filters: int, cubic: bool, scale: float) -> None:
        super().__init__()
        self._length, self._patches = sizes.shape[-1], prod(sizes.shape[:-1])
        self._classes, self._cubic = sizes.classes, cubic
        self.filters = Linear(self._length, sizes.classes * filters)
        for parameter in self.filters.parameters():
            parameter.data.mul_(scale)

    def forward(self, x_BD: Rows) -> tuple[None, Rows]:
        total_BC, *others = (self._of_patch(x_BD, patch) for patch in range(self._patches))
        for answer_BC in others:
            total_BC = total_BC + answer_BC
        return None, GroupedRows(total_BC, x_BD.groups) if isinstance(x_BD, GroupedRows) else total_BC

    def _of_patch(self, x_BD: Rows, patch: int) -> Tensor:
        """The contribution of one patch to each class."""
        place = slice(patch * self._length, (patch + 1) * self._length)
        if isinstance(x_BD, GroupedRows):
            z_BF = self.filters(x_BD.map(lambda rows: rows[..., place])).rows_PI
        else:
            z_BF = self.filters(x_BD[..., place])
        active_BF = z_BF * z_BF * z_BF if self._cubic else z_BF
        return active_BF.unflatten(-1, (self._classes, -1)).sum(-1)
