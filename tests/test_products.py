"""Products of rows against NumPy's, for one run and for a stack, whatever kernel takes them."""

import numpy as np
import pytest
import torch

from moe_lab.products import row_products


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_they_are_matrix_products(lead, dtype, tolerance):
    noise = torch.Generator().manual_seed(0)
    a = torch.randn(*lead, 7, 40, generator=noise, dtype=dtype)
    b = torch.randn(*lead, 50, 40, generator=noise, dtype=dtype)[..., ::2, :]
    expected = np.einsum("...xd,...yd->...xy", a.double().numpy(), b.double().numpy())
    np.testing.assert_allclose(row_products(a, b), expected, atol=40 * tolerance)


def test_each_run_of_a_stack_is_as_alone():
    x = torch.randn(3, 130, 64, generator=torch.Generator().manual_seed(1))
    together = row_products(x[:, :128], x)
    for run in range(3):
        assert torch.equal(together[run], row_products(x[run, :128], x[run]))
