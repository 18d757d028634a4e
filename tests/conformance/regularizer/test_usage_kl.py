import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from moe_lab.parts.regularizers.usage_kl import UsageKl


def test_by_hand(sizes, step_of):
    # mean (3/4, 1/4): log 2 + 3/4 log 3/4 + 1/4 log 1/4 = 3/4 log 3 - log 2
    probs = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    value = UsageKl(sizes(experts=2))(step_of(probs_BE=probs))
    assert value.item() == pytest.approx(0.75 * math.log(3) - math.log(2))


def test_against_scipy_in_the_right_order_of_arguments(sizes, step_of, draw):
    probs = draw(7, 5).double().softmax(-1)
    value = UsageKl(sizes())(step_of(probs_BE=probs)).item()
    mean, even = probs.mean(0).numpy(), np.full(5, 0.2)
    assert value == pytest.approx(entropy(mean, even))
    assert abs(entropy(mean, even) - entropy(even, mean)) > 1e-3


def test_bounds_and_a_collapsed_gate(sizes, step_of):
    logits = torch.zeros(7, 5, requires_grad=True)
    assert UsageKl(sizes())(step_of(probs_BE=logits.softmax(-1))).item() == pytest.approx(0, abs=1e-6)
    saturated = torch.tensor([1000.0, 0, 0, 0, 0]).expand(7, 5).clone().requires_grad_()
    cost = UsageKl(sizes())(step_of(probs_BE=saturated.softmax(-1)))
    cost.backward()
    assert cost.item() == pytest.approx(math.log(5)) and saturated.grad.isfinite().all()
