"""Products in bfloat16; everything else as it was."""

import pytest
import torch

from moe_lab.layers.convolution import Conv2d
from moe_lab.layers.grouped import GroupedRows, Groups
from moe_lab.layers.linear import Linear
from moe_lab.layers.precision import product, products_in
from moe_lab.layers.stacking import stack


def rounded(x):
    return x.bfloat16().float()


def test_factors_are_rounded_and_the_result_has_their_type():
    """1 + 2^-9 is no bfloat16, which has 8 bits: it becomes 1, and the sum over four of them 4."""
    ones = torch.full((1, 4), 1 + 2**-9)
    assert product(torch.matmul, ones, ones.mT).item() > 4.01
    with products_in("bf16"):
        y = product(torch.matmul, ones, ones.mT)
    assert y.item() == 4 and y.dtype == torch.float32
    with products_in("bf16"), products_in("float32"):
        assert product(torch.matmul, ones, ones.mT).item() > 4.01


@pytest.mark.parametrize("failing", [False, True])
def test_it_ends_with_its_block(failing):
    ones = torch.full((1, 1), 1 + 2**-9)
    try:
        with products_in("bf16"):
            if failing:
                raise ValueError
    except ValueError:
        pass
    assert product(torch.matmul, ones, ones).item() > 1


@pytest.mark.parametrize(
    "layer",
    [Linear(6, 4), stack([Linear(6, 4) for _ in range(3)]), Conv2d(2, 4, 3)],
    ids=["linear", "wide", "convolution"],
)
def test_layers_multiply_in_it_forward_and_backward(layer):
    """The gradient of a weight is a product of rounded inputs with rounded gradients; biases are not rounded."""
    torch.manual_seed(0)
    x = torch.randn(5, 2, 6, 6) if isinstance(layer, Conv2d) else torch.randn(1, 8, 6)
    plain = layer(x)
    with products_in("bf16"):
        mixed = layer(x)
    assert mixed.dtype == torch.float32
    assert 0 < (mixed - plain).abs().max() < 0.05
    grads = torch.autograd.grad(mixed.square().sum(), list(layer.parameters()))
    expected = torch.autograd.grad(plain.square().sum(), list(layer.parameters()))
    for ours, theirs in zip(grads, expected, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0.05 * theirs.abs().max().item())


def test_a_linear_layer_rounds_its_inputs_and_weights_only():
    layer, x = Linear(6, 4), torch.randn(8, 6)
    with products_in("bf16"):
        y = layer(x)
    expected = rounded(rounded(x) @ rounded(layer.weight_IO)) + layer.bias_1O
    torch.testing.assert_close(y, expected, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("outputs", [4, 24])
def test_grouped_rows_multiply_in_it_forward_and_backward(outputs):
    """Rows of three groups against each group's own rounded product; an input's gradient too."""
    torch.manual_seed(0)
    counts = torch.tensor([2, 0, 5])
    groups = Groups(counts, torch.arange(3).repeat_interleave(counts))
    x, layer = torch.randn(7, 16, requires_grad=True), stack([Linear(16, outputs) for _ in range(3)])
    with products_in("bf16"):
        y = layer(GroupedRows(x, groups)).rows_PI
    starts = [0, 2, 2]
    expected = [
        rounded(x[start : start + count]) @ rounded(layer.weight_IO[g]) + layer.bias_1O[g]
        for g, (start, count) in enumerate(zip(starts, counts.tolist(), strict=True))
    ]
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, torch.cat(expected), rtol=2**-7, atol=2**-7)
    ours = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])
    plain = torch.autograd.grad(torch.cat(expected).square().sum(), [x, *layer.parameters()])
    for a, b in zip(ours, plain, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0.05, atol=0.05 * b.abs().max().item())
