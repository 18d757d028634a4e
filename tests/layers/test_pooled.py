"""The first layer in one pass against torch's convolution, maximum and ReLU one by one."""

import pytest
import torch
from torch.nn import functional

from moe_lab.layers import pooled
from moe_lab.layers.pooled import pooled_relu, pooled_relus


def one_by_one(x, weight, bias):
    """[G, M, H', W', B]"""
    each = [
        functional.max_pool2d(functional.conv2d(a.unsqueeze(1), w.unsqueeze(1), b), 2).relu().movedim(0, -1)
        for a, w, b in zip(x, weight, bias, strict=True)
    ]
    return torch.stack(each)


def case(draw, groups=2, filters=3, kernel=3, height=8, width=10, samples=7):
    x = draw(groups, samples, height, width).double()
    weight = draw(groups, filters, kernel, kernel).double().requires_grad_()
    return x, weight, draw(groups, filters).double().requires_grad_()


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator)


@pytest.mark.parametrize("small", [False, True], ids=["at once", "in many pieces"])
@pytest.mark.parametrize(
    "sizes", [{}, {"kernel": 2}, {"kernel": 5}, {"height": 9, "width": 11}, {"filters": 1, "samples": 1}], ids=str
)
def test_values_and_gradients_are_torchs(draw, monkeypatch, sizes, small):
    if small:
        monkeypatch.setattr(pooled, "PIECE", 1)
        monkeypatch.setattr(pooled, "FILTERS", 2)
    x, weight, bias = case(draw, **sizes)
    ours, theirs = pooled_relu(x, weight, bias), one_by_one(x, weight, bias)
    torch.testing.assert_close(ours, theirs)
    way = torch.randn_like(theirs)
    for a, b in zip(
        torch.autograd.grad(ours, (weight, bias), way), torch.autograd.grad(theirs, (weight, bias), way), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("small", [False, True], ids=["at once", "in many pieces"])
def test_several_layers_in_one_pass_are_each_torchs(draw, monkeypatch, small):
    if small:
        monkeypatch.setattr(pooled, "PIECE", 1)
        monkeypatch.setattr(pooled, "FILTERS", 2)
    x, *first = case(draw, filters=3)
    layers = [tuple(first), case(draw, filters=1)[1:], case(draw, filters=4)[1:]]
    ways = [draw(2, len(bias[0]), 3, 4, 7).double() for _, bias in layers]
    ours, theirs = pooled_relus(x, layers), [one_by_one(x, *layer) for layer in layers]
    leaves = [leaf for layer in layers for leaf in layer]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(torch.autograd.grad(ours, leaves, ways), torch.autograd.grad(theirs, leaves, ways), strict=True):
        torch.testing.assert_close(a, b)
    # and where one of them has no part in the loss
    (lone,) = torch.autograd.grad(pooled_relus(x, layers)[1].sum(), layers[1][:1])
    torch.testing.assert_close(lone, torch.autograd.grad(one_by_one(x, *layers[1]).sum(), layers[1][:1])[0])


def test_gradients_by_differences(draw):
    x, weight, bias = case(draw, samples=2, height=6, width=6)
    assert torch.autograd.gradcheck(lambda w, b: pooled_relu(x, w, b), (weight, bias))


def test_of_equal_values_one_has_the_gradient(draw):
    """A constant image has four equal values everywhere: the gradient counts once, as in torch's maximum."""
    _, weight, bias = case(draw)
    x = torch.full((2, 7, 8, 10), 0.5, dtype=torch.float64)
    ours = torch.autograd.grad(pooled_relu(x, weight, bias).sum(), (weight, bias))
    theirs = torch.autograd.grad(one_by_one(x, weight, bias).sum(), (weight, bias))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_without_gradients_nothing_is_kept(draw):
    x, weight, bias = case(draw)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda one: one):
        with torch.no_grad():
            assert not pooled_relu(x, weight, bias).requires_grad
        assert kept == []
        y = pooled_relu(x, weight, bias)
    # besides the images and y itself three bytes an output, not the four values before the maximum
    assert sum(one.numel() for one in kept if one.dtype == torch.int8) == 3 * y.numel()
