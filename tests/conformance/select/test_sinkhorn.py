"""arXiv:2202.01169: the k largest of a transport plan's rows, in training only."""

import numpy as np
import pytest
import torch

from moe_lab.parts.gates.select.sinkhorn import Sinkhorn, log_plan
from moe_lab.parts.roles import Sizes


def test_the_plan_has_even_rows_and_columns(draw):
    plan = log_plan(draw(40, 5) + torch.tensor([2.0, 0, 0, 0, -1]), 60).exp()
    torch.testing.assert_close(plan.sum(0), torch.ones(5))
    torch.testing.assert_close(plan.sum(1), torch.full((40,), 5 / 40), rtol=1e-4, atol=0)


def test_it_is_the_plan_of_alternate_scaling(draw):
    """An independent way: u K v with u = 1 / K v, v = 1 / K' u in NumPy, run to convergence."""
    logits = draw(30, 4)
    kernel, v = np.exp(logits.double().numpy()), np.ones(4)
    for _ in range(500):
        u = (1 / 30) / (kernel @ v)
        v = (1 / 4) / (kernel.T @ u)
    plan = u[:, None] * kernel * v
    ours = log_plan(logits.double(), 200).exp()
    np.testing.assert_allclose(ours / ours.sum(), plan, rtol=1e-6)
    # twenty rounds choose as the converged plan does
    part = Sinkhorn(Sizes((2,), 3, 4, 1))
    assert torch.equal(part(logits, None).int().argmax(-1), torch.from_numpy(plan.argmax(1)))


@pytest.mark.parametrize("k", [1, 2])
def test_loads_are_evened_out_in_training_and_left_alone_at_test(draw, k):
    logits = draw(200, 5) + torch.tensor([3.0, 0, 0, 0, 0])
    part = Sinkhorn(Sizes((2,), 3, 5, k))
    loads, plain = part(logits, None).sum(0), part.eval()(logits, None).sum(0)
    assert plain.max() > 1.8 * 40 * k
    assert loads.max() < 1.35 * 40 * k and loads.sum() == 200 * k
    assert torch.equal(part(logits, None), torch.zeros(200, 5).scatter(-1, logits.topk(k).indices, 1).bool())


def test_no_gradient_and_no_overflow(draw):
    logits = (draw(7, 5) * 1e4).requires_grad_()
    plan = log_plan(logits, 20)
    assert not plan.requires_grad and plan.isfinite().all()
