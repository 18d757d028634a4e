import pytest
import torch
from torch import nn

from moe_lab.layers.linear import Linear
from moe_lab.layers.stacking import stack


def test_linear_is_torchs_linear():
    layer, x = Linear(3, 2), torch.randn(5, 3)
    expected = nn.functional.linear(x, layer.weight_IO.T, layer.bias_1O[0])
    torch.testing.assert_close(layer(x), expected)
    assert Linear(3, 2, bias=False).bias_1O is None


def test_linear_starts_like_torchs_linear():
    """Uniform in +-1/sqrt(I): the largest of 40,000 draws lies just inside, the deviation is the bound / sqrt 3."""
    torch.manual_seed(0)
    layer = Linear(400, 100)
    bound = 1 / 20
    assert 0.999 * bound < layer.weight_IO.abs().max() <= bound
    assert layer.weight_IO.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert 0.8 * bound < layer.bias_1O.abs().max() <= bound


@pytest.mark.parametrize("runs", [(), (3,)])
def test_a_bank_gives_each_expert_its_own_product(runs):
    """One input shared by five experts (the wide product) and an input an expert (the batched one)."""
    x = torch.randn(*runs, 1, 7, 4)
    bank = stack(
        [stack([Linear(4, 2) for _ in range(5)]) for _ in range(3)] if runs else [Linear(4, 2) for _ in range(5)]
    )
    each = torch.stack(
        [x[..., 0, :, :] @ bank.weight_IO[..., e, :, :] + bank.bias_1O[..., e, :, :] for e in range(5)], -3
    )
    torch.testing.assert_close(bank(x), each)
    torch.testing.assert_close(bank(x.expand(*runs, 5, 7, 4)), each)


def test_weights_lie_by_output_with_their_gradient_and_in_stacks():
    """So that no step copies them, whichever kernel multiplies."""
    alone, bank = Linear(300, 70), stack([stack([Linear(7, 10), Linear(7, 10)]) for _ in range(3)])
    assert bank.weight_IO.shape == (3, 2, 7, 10)
    for layer, x_BI in ((alone, torch.randn(90, 300)), (bank, torch.randn(5, 7)), (bank, torch.randn(3, 1, 5, 7))):
        layer.weight_IO.grad = None
        layer(x_BI).square().sum().backward()
        assert layer.weight_IO.mT.is_contiguous() and layer.weight_IO.grad.stride() == layer.weight_IO.stride()
