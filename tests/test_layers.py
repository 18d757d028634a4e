import pytest
import torch
from torch import nn

from moe_lab.layers import Linear, hyper, stack


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


def test_hyper_is_a_buffer_that_no_checkpoint_keeps():
    module = nn.Module()
    module.temperature_11 = hyper(2.0, 2)
    assert module.temperature_11.tolist() == [[2.0]]
    assert dict(module.named_buffers()).keys() == {"temperature_11"} and module.state_dict() == {}
    assert hyper(0.5).shape == ()


def test_stack_stacks_parameters_and_buffers_and_leaves_the_originals():
    modules = [Linear(3, 2) for _ in range(4)]
    for number, module in enumerate(modules):
        module.scale = hyper(number)
    stacked = stack(modules)
    assert stacked.weight_IO.shape == (4, 3, 2) and isinstance(stacked.weight_IO, nn.Parameter)
    assert stacked.scale.tolist() == [0, 1, 2, 3]
    assert torch.equal(stacked.weight_IO[2], modules[2].weight_IO)
    stacked.weight_IO.data.zero_()
    assert modules[0].weight_IO.abs().sum() > 0


def test_stack_refuses_modules_of_different_structure():
    with pytest.raises(ValueError, match="same structure"):
        stack([Linear(3, 2), Linear(3, 4)])
