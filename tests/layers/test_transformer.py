"""Against torch's own modules with the same numbers, and over a leading axis."""

import torch
from torch import nn

from moe_lab.layers.stacking import stack
from moe_lab.layers.transformer import LayerNorm, SelfAttention


def test_layer_norm_is_torchs():
    ours, theirs, x = LayerNorm(6), nn.LayerNorm(6), torch.randn(5, 6)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.data.normal_()
        other.data = mine.data[0]
    torch.testing.assert_close(ours(x), theirs(x))


def test_attention_is_torchs():
    """Two sequences of five places, three heads."""
    ours, theirs = SelfAttention(6, 3), nn.MultiheadAttention(6, 3, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.inner.weight_IO.data.T, ours.inner.bias_1O.data[0]
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.outer.weight_IO.data.T, ours.outer.bias_1O.data[0]
    x = torch.randn(2, 5, 6)
    expected, _ = theirs(x, x, x, need_weights=False)
    torch.testing.assert_close(ours(x.flatten(0, 1), 5), expected.flatten(0, 1))


def test_runs_of_a_stack():
    parts = [nn.ModuleList([LayerNorm(6), SelfAttention(6, 3)]) for _ in range(4)]
    x = torch.randn(4, 10, 6)
    norm, attention = stack(parts)
    for run, (solo_norm, solo_attention) in enumerate(parts):
        torch.testing.assert_close(norm(x)[run], solo_norm(x[run]))
        torch.testing.assert_close(attention(x, 5)[run], solo_attention(x[run], 5))
