"""Layers of a transformer block, over trailing axes. **S** places of a sequence, **T** rows of all sequences."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.layers.linear import Linear


class LayerNorm(nn.Module):
    """Layer normalization y = (x - mean) / sqrt(variance + 1e-5) * w + b over the features of a row.

    Source: Ba, Kiros and Hinton 2016, Layer normalization, arXiv:1607.06450.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight_1D = nn.Parameter(torch.ones(1, features))
        self.bias_1D = nn.Parameter(torch.zeros(1, features))

    def forward(self, x_TD: Tensor) -> Tensor:
        return functional.layer_norm(x_TD, x_TD.shape[-1:]) * self.weight_1D + self.bias_1D


class Embedding(nn.Module):
    """Token embedding: D learned numbers for each of V tokens, initialized from a normal distribution with sd 0.02."""

    def __init__(self, tokens: int, features: int) -> None:
        super().__init__()
        self.weight_VD = nn.Parameter(0.02 * torch.randn(tokens, features))

    def forward(self, token_BS: Tensor) -> Tensor:
        """The embeddings [..., B, S, D] of the tokens [..., B, S]."""
        *lead, tokens, _ = self.weight_VD.shape
        # the tables of several runs, concatenated
        first = tokens * torch.arange(prod(lead), device=token_BS.device).reshape(*lead, 1, 1)
        return functional.embedding(token_BS + first, self.weight_VD.flatten(0, -2))


class SelfAttention(nn.Module):
    """Multi-head self-attention: softmax(q k' / sqrt(D / heads)) v within each sequence, then a linear layer.

    Source: Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762, section 3.2.

    heads:  divides the number of features.
    causal: whether a place attends to itself and to the places before it alone.
    """

    def __init__(self, features: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self._heads = heads
        self._causal = causal
        self.inner = Linear(features, 3 * features)
        self.outer = Linear(features, features)

    def forward(self, x_TD: Tensor, places: int) -> Tensor:
        """The output for each row. ``places`` is S; the rows are those of one sequence after the other."""
        parts = self.inner(x_TD).unflatten(-2, (-1, places)).unflatten(-1, (3, self._heads, -1))
        # [..., B, S, 3, heads, d] -> three of [..., B, heads, S, d]
        query, key, value = parts.movedim(-4, -2).unbind(-4)
        found = functional.scaled_dot_product_attention(query, key, value, is_causal=self._causal)
        return self.outer(found.transpose(-3, -2).flatten(-2).flatten(-3, -2))
