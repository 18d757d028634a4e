"""Matrix products against NumPy's in float64, whatever kernel takes them and however the factors lie in memory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from moe_lab.layers import products
from moe_lab.layers.products import matmul

LIES = {
    "by row": lambda x: x.contiguous(),
    "by column": lambda x: x.mT.contiguous().mT,
    "every second": lambda x: torch.stack([x, x], -1).flatten(-2)[..., ::2],
    "a part": lambda x: torch.cat([x, x], -1)[..., : x.shape[-1]],
}


@pytest.fixture
def every_size(monkeypatch):
    """Small products too are oneDNN's."""
    monkeypatch.setattr(products, "LARGE", 1)
    monkeypatch.setattr(products, "NARROW", 1)


def close(found, a, b):
    expected = np.matmul(a.detach().double().numpy(), b.detach().double().numpy())
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-5 * a.shape[-1], rtol=1e-5)


@pytest.mark.parametrize("leads", [((), ()), ((3,), (3,)), ((3,), ()), ((), (3,)), ((2, 1), (1, 3)), ((1, 3), (2, 3))])
@pytest.mark.parametrize("sizes", [(7, 40, 25), (130, 128, 90)])
@settings(max_examples=15, deadline=None)
@given(first=st.sampled_from(sorted(LIES)), second=st.sampled_from(sorted(LIES)), seed=st.integers(0, 99))
def test_they_are_matrix_products(leads, sizes, first, second, seed):
    draw = torch.Generator().manual_seed(seed)
    rows, inner, columns = sizes
    a = LIES[first](torch.randn(*leads[0], rows, inner, generator=draw)).requires_grad_()
    b = LIES[second](torch.randn(*leads[1], inner, columns, generator=draw)).requires_grad_()
    found = matmul(a, b)
    close(found, a, b)
    # to a comes dy b', summed over what a shares; to b a' dy
    dy = torch.randn(found.shape, generator=draw)
    found.backward(dy)
    to_a, to_b = dy.double() @ b.detach().double().mT, a.detach().double().mT @ dy.double()
    torch.testing.assert_close(a.grad.double(), to_a.sum_to_size(a.shape), atol=2e-3, rtol=1e-5)
    torch.testing.assert_close(b.grad.double(), to_b.sum_to_size(b.shape), atol=2e-3, rtol=1e-5)


def test_an_expanded_gradient(every_size):
    """That of a sum lies nowhere: all its strides are zero."""
    a, b = torch.randn(9, 12, requires_grad=True), torch.randn(12, 10, requires_grad=True)
    matmul(a, b).sum().backward()
    torch.testing.assert_close(a.grad, b.detach().sum(1).expand(9, 12))
    torch.testing.assert_close(b.grad, a.detach().sum(0).unsqueeze(1).expand(12, 10))


def test_no_factor_is_rounded():
    """Numbers of 24 bits come through whole, as they would not in bfloat16 or TF32."""
    a = torch.eye(128) * (1 + 2**-23)
    b = 1 + torch.arange(128 * 128).view(128, 128) * 2.0**-14
    assert torch.equal(matmul(a, b), b * (1 + 2**-23))


def test_a_second_derivative(every_size):
    a, b = (torch.randn(shape, requires_grad=True) for shape in ((8, 9), (9, 8)))
    (once,) = torch.autograd.grad(matmul(a, b).square().sum(), a, create_graph=True)
    (twice,) = torch.autograd.grad(once.sum(), b)
    torch.testing.assert_close(once, 2 * (a @ b) @ b.mT)
    ones = torch.ones(8, 9)
    # d/db sum(2 a b b') = 2 (a' 1 b + 1' a b)
    torch.testing.assert_close(twice, 2 * (a.mT @ (ones @ b) + ones.mT @ (a @ b)))


def test_in_float64_the_gradients_are_exact(every_size):
    a, b = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 4), (4, 5)))
    assert gradcheck(matmul, (a, b))


def test_each_run_of_a_stack_is_as_alone():
    x = torch.randn(3, 130, 128, generator=torch.Generator().manual_seed(1))
    together = matmul(x[:, :128], x.mT)
    for run in range(3):
        assert torch.equal(together[run], matmul(x[run, :128], x[run].mT))


def test_without_onednn_it_is_torchs(monkeypatch):
    monkeypatch.setattr(products, "ROWS_BY_ROWS", None)
    a, b = torch.randn(128, 128), torch.randn(128, 128)
    assert torch.equal(matmul(a, b), a @ b)
