"""A grouped layer gives what a layer a group gives, whichever kernel multiplies."""

import pytest
import torch

from moe_lab.layers import products
from moe_lab.layers.grouped import GroupedRows, Groups


def linear(rows_PI, weight_GIO, bias_G1O, counts):
    count_G = torch.tensor(counts)
    group_P = torch.repeat_interleave(torch.arange(len(counts)), count_G)
    return GroupedRows(rows_PI, Groups(count_G, group_P)).linear(weight_GIO, bias_G1O).rows_PI


def one_by_one(rows_PI, weight_GIO, bias_G1O, counts):
    parts = zip(rows_PI.split(counts), weight_GIO.unbind(), bias_G1O.unbind(), strict=True)
    return torch.cat([rows @ weight + bias for rows, weight, bias in parts])


def tensors(dtype, *shapes):
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(*shape, generator=draw, dtype=dtype).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("outputs", [4, 10, 16, 18, 20], ids=lambda n: f"O={n}")
@pytest.mark.parametrize("inputs", [6, 8], ids=lambda n: f"I={n}")
@pytest.mark.parametrize("counts", [[2, 0, 3, 1], [0, 0, 0, 6], [0, 0, 0, 0]], ids=str)
def test_a_grouped_layer_is_a_layer_a_group(dtype, outputs, inputs, counts):
    rows, weight, bias = tensors(dtype, (sum(counts), inputs), (4, inputs, outputs), (4, 1, outputs))
    results = []
    for layer in (linear, one_by_one):
        y = layer(rows, weight, bias, counts)
        # sums and products alike: an expanded gradient and one with values of its own
        gradients = torch.autograd.grad(y.sum() + y.square().sum(), (rows, weight, bias))
        results.append((y, *gradients, *torch.autograd.grad(layer(rows, weight, bias, counts).sum(), (weight,))))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("counts", [[0, 200, 17, 40], [64, 64, 64, 64], [1, 0, 130, 0]], ids=str)
def test_large_groups_are_multiplied_one_by_one(counts):
    """Groups of 32 rows on average by 512 x 256 weights pay in all three products; they are rounded up to kernels'
    sizes, and what is added so is left out."""
    rows, weight, bias = tensors(torch.float32, (sum(counts), 512), (4, 512, 256), (4, 1, 256))
    assert products.pays(rows, sum(counts) // 4 // 4, 256)
    results = []
    for layer in (linear, one_by_one):
        y = layer(rows, weight, bias, counts)
        results.append((y, *torch.autograd.grad(y.square().sum(), (rows, weight, bias))))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-2)


def test_a_group_that_is_no_number_leaves_the_others_as_they_were():
    """As a run of a stack that has diverged; to the last bit."""
    rows, weight, bias = tensors(torch.float32, (200, 512), (4, 512, 256), (4, 1, 256))
    broken = rows.detach().clone()
    broken[50:90] = torch.nan
    results = []
    for x in (rows, broken.requires_grad_()):
        y = linear(x, weight, bias, [50, 40, 60, 50])
        results.append((y, *torch.autograd.grad(y.square().sum(), (x, weight))))
    (y, dx, dweight), (y_broken, dx_broken, dweight_broken) = results
    fine = torch.cat([torch.arange(50), torch.arange(90, 200)])
    assert torch.equal(y_broken[fine], y[fine]) and torch.equal(dx_broken[fine], dx[fine])
    assert torch.equal(dweight_broken[[0, 2, 3]], dweight[[0, 2, 3]]) and dweight_broken[1].isnan().all()


def test_gradients_of_a_grouped_layer_numerically():
    rows, weight, bias = tensors(torch.float64, (6, 5), (3, 5, 7), (3, 1, 7))
    assert torch.autograd.gradcheck(lambda *given: linear(*given, [1, 0, 5]), (rows, weight, bias))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_large_gradients_are_the_same(monkeypatch, dtype):
    """Their memory is taken otherwise, and their groups are done one by one."""
    monkeypatch.setattr("moe_lab.layers.grouped.LARGE", 1)
    test_a_grouped_layer_is_a_layer_a_group(dtype, 16, 8, [2, 0, 3, 1])


def test_without_torchs_grouped_product(monkeypatch):
    monkeypatch.delattr(torch.nn.functional, "grouped_mm")
    test_a_grouped_layer_is_a_layer_a_group(torch.float32, 16, 8, [2, 0, 3, 1])


def test_float32_uses_torchs_grouped_product(monkeypatch):
    """Ten classes too, which are padded, in both directions; not float64, nor rows whose bytes do not fit."""
    calls = []
    grouped_mm = torch.nn.functional.grouped_mm
    monkeypatch.setattr(torch.nn.functional, "grouped_mm", lambda *a, **k: calls.append(1) or grouped_mm(*a, **k))
    for dtype, inputs, outputs, expected in [
        (torch.float32, 8, 10, 3),
        (torch.float32, 8, 20, 3),
        (torch.float32, 6, 10, 0),
        (torch.float64, 8, 10, 0),
    ]:
        calls.clear()
        rows, weight_GOI, bias = tensors(dtype, (6, inputs), (2, outputs, inputs), (2, 1, outputs))
        linear(rows, weight_GOI.mT, bias, [4, 2]).sum().backward()
        assert len(calls) == expected
