"""The k largest scores among the experts of a document's pool."""

from typing import Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import ConfigError, Count, Noise, Select, Sizes, k_largest, ranks


class DocumentPool(Select):
    """The k experts of the largest z_e + b_e among those of the pool that the rows of a document share.

    A document is a window of tokens, or an image of patches. Its pool are the experts of the largest
    sum_t softmax(z_t)_e over its rows t; no gradient flows through the choice. In training the size of each document's
    pool is drawn evenly from ``least`` to ``most``, in evaluation it is ``pool``. Of equal sums the lower index. A row
    that is a document by itself, as in one mixture, has its k largest scores whatever the pool is.
    Source: Wang, Bhagia and Min 2026 (EMO), arXiv:2605.06663, as the authors' code has it, where 127 experts beside a
    shared one have pools of 8 to 128 in training and 32 in evaluation.

    pool:  experts of a pool in evaluation; null: a quarter of all, and at least k.
    least: fewest experts of a pool in training; null: k.
    most:  most experts of a pool in training; null: all.
    over:  the rows whose probabilities are summed: "document", all of them, as the source has it; or "before", those up
           to the row itself, so that no token depends on later ones.
    Raises ConfigError for a pool of fewer than k or more than E experts, and for ``least`` above ``most``.
    """

    grows = True

    def __init__(
        self,
        sizes: Sizes,
        *,
        pool: Count | None = None,
        least: Count | None = None,
        most: Count | None = None,
        over: Literal["document", "before"] = "document",
    ) -> None:
        super().__init__(sizes)
        self.selection_bias_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)
        self._pool = pool or max(sizes.k, sizes.experts // 4)
        self._least, self._most = least or sizes.k, most or sizes.experts
        for name, value in (("pool", self._pool), ("least", self._least), ("most", self._most)):
            if not sizes.k <= value <= sizes.experts:
                raise ConfigError(
                    f"gate.select.{name}={value}: a document's pool has at least k={sizes.k} and at most "
                    f"{sizes.experts} experts"
                )
        if self._least > self._most:
            raise ConfigError(f"gate.select.least={self._least} is more than gate.select.most={self._most}: swap them")
        self.looks_ahead = over == "document"
        self.selection_bias_1E = nn.Buffer(torch.zeros(1, sizes.experts), persistent=False)

    def biased(self, logits_BE: Tensor) -> Tensor:
        return logits_BE + self.selection_bias_1E

    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        biased_BE = self.biased(logits_BE)
        if self.places == 1:
            return k_largest(self.biased(logits_BE), self.sizes.k)
        probs_NSE = logits_BE.detach().softmax(-1).unflatten(-2, (-1, self.places))
        sums_NSE = probs_NSE.sum(-2, keepdim=True) if self.looks_ahead else probs_NSE.cumsum(-2)
        pool_NSE = (ranks(sums_NSE) < self._sizes_N11(logits_BE, noise)).expand_as(probs_NSE)
        outside_BE = ~pool_NSE.flatten(-3, -2)
        return k_largest(biased_BE.masked_fill(outside_BE, -torch.inf), self.sizes.k)

    def _sizes_N11(self, logits_BE: Tensor, noise: Noise) -> Tensor | int:
        """How many experts the pool of each document has."""
        if not self.training:
            return self._pool
        # a number a row, as everything that is drawn for rows; that of a document's first row counts
        uniform_N11 = noise.uniform(logits_BE[..., :1]).unflatten(-2, (-1, self.places))[..., :1, :]
        return (self._least + (uniform_N11 * (self._most - self._least + 1)).floor()).clamp(max=self._most)
