import copy

import pytest
import torch
from torch import nn

from moe_lab.layers.convolution import BatchNorm2d, Conv2d
from moe_lab.layers.stacking import stack

#: leading axes of weights and of inputs: alone; a bank on one input; a bank with inputs of its own; runs; runs of banks
LEADS = [
    ((), ()),
    ((5,), (1,)),
    ((5,), (5,)),
    ((3,), (3,)),
    ((3,), ()),
    ((3, 5), (3, 1)),
    ((3, 5), (1,)),
    ((3, 5), (3, 5)),
]


def stacked_over(build, lead):
    """Modules stacked over ``lead``, and the plain ones by their index."""
    if not lead:
        return build(), {}
    inner = [stacked_over(build, lead[1:]) for _ in range(lead[0])]
    plain = {(n, *rest): one for n, (_, rows) in enumerate(inner) for rest, one in rows.items()}
    plain |= {(n,): module for n, (module, rows) in enumerate(inner) if not rows}
    return stack([module for module, _ in inner]), plain


def picked(x, lead, place):
    """The input that the module at ``place`` sees."""
    full = x.expand(*lead, *x.shape[-4:])
    return full[place]


@pytest.mark.parametrize(("lead", "own"), LEADS, ids=str)
@pytest.mark.parametrize(("inputs", "kernel", "padding"), [(1, 3, 0), (2, 3, 1), (1, 5, 0)])
def test_convolution_and_pooling_are_torchs(lead, own, inputs, kernel, padding):
    layer, plain = stacked_over(lambda: Conv2d(inputs, 2, kernel, padding=padding), lead)
    x = torch.randn(*own, 7, inputs, 10, 10)
    outputs = layer(x), layer.pooled_relu(x)
    for place, one in (plain or {(): layer}).items():
        seen = picked(x, lead, place)
        y = nn.functional.conv2d(seen, one.weight_OIKK, one.bias_O, padding=padding)
        torch.testing.assert_close(outputs[0][place], y)
        torch.testing.assert_close(outputs[1][place], nn.functional.max_pool2d(y, 2).relu())


def test_pooled_convolution_has_torchs_gradients():
    layer, x = Conv2d(1, 3, 3), torch.randn(4, 1, 8, 8)
    way = torch.randn(4, 3, 3, 3)
    ours = torch.autograd.grad((layer.pooled_relu(x) * way).sum(), [layer.weight_OIKK, layer.bias_O])
    plain = nn.functional.max_pool2d(nn.functional.conv2d(x, layer.weight_OIKK, layer.bias_O), 2).relu()
    theirs = torch.autograd.grad((plain * way).sum(), [layer.weight_OIKK, layer.bias_O])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("lead", "own"), LEADS, ids=str)
@pytest.mark.parametrize(("side", "kernel", "bias"), [(10, 3, True), (10, 3, False), (9, 3, True), (10, 5, True)])
def test_normalized_pooled_convolution_is_torchs(lead, own, side, kernel, bias):
    """In training with all gradients and running statistics, and at test; odd sides take the way of several passes."""

    def build():
        layers = nn.ModuleList([Conv2d(1, 2, kernel, bias=bias), BatchNorm2d(2)])
        # scales of both signs
        layers[1].weight_C.data = torch.tensor([1.5, -0.5])
        layers[1].bias_C.data = torch.tensor([0.2, -0.1])
        return layers

    layers, plain = stacked_over(build, lead)
    plain = plain or {(): copy.deepcopy(layers)}
    x = 2 * torch.randn(*own, 7, 1, side, side) + 3
    way = None
    for training in (True, True, False):
        layers.train(training)
        y = layers[0].pooled_relu(x, layers[1])
        way = torch.randn_like(y) if way is None else way
        gradients = torch.autograd.grad((y * way).sum(), list(layers.parameters()))
        for place, (convolution, norm) in plain.items():
            theirs = nn.functional.conv2d(picked(x, lead, place), convolution.weight_OIKK, convolution.bias_O)
            affine = norm.weight_C, norm.bias_C
            theirs = nn.functional.batch_norm(theirs, norm.mean_C, norm.var_C, *affine, training=training)
            theirs = nn.functional.max_pool2d(theirs, 2).relu()
            torch.testing.assert_close(y[place], theirs, rtol=1e-4, atol=1e-5)
            own_parameters = [*convolution.parameters(), *norm.parameters()]
            expected = torch.autograd.grad((theirs * way[place]).sum(), own_parameters)
            for ours, one in zip(gradients, expected, strict=True):
                torch.testing.assert_close(ours[place], one, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(layers[1].mean_C[place], norm.mean_C)
            torch.testing.assert_close(layers[1].var_C[place], norm.var_C)


def test_convolution_starts_like_torchs():
    torch.manual_seed(0)
    ours = Conv2d(4, 50, 3).weight_OIKK
    # uniform in +-1/sqrt(4 * 9)
    assert 0.99 / 6 < ours.abs().max() <= 1 / 6
    assert Conv2d(4, 2, 3, bias=False).bias_O is None


@pytest.mark.parametrize(("lead", "own"), LEADS, ids=str)
@pytest.mark.parametrize("at_test", [False, True])
def test_batch_norm_is_torchs_in_training_and_at_test(lead, own, at_test):
    layer, plain = stacked_over(lambda: BatchNorm2d(2, batch_statistics_at_test=at_test), lead)
    theirs = {place: nn.BatchNorm2d(2) for place in plain or {(): layer}}
    for _ in range(2):
        x = torch.randn(*own, 7, 2, 4, 4) * 2 + 1
        y = layer(x)
        for place, other in theirs.items():
            torch.testing.assert_close(y[place], other(picked(x, lead, place)))
    layer.eval()
    y = layer(x)
    for place, other in theirs.items():
        torch.testing.assert_close(layer.mean_C[place], other.running_mean)
        torch.testing.assert_close(layer.var_C[place], other.running_var)
        torch.testing.assert_close(y[place], other.train(at_test)(picked(x, lead, place)))
