import pytest
import torch

from moe_lab.parts.regularizers.variance import Variance


def test_by_hand(sizes, step_of):
    # (1, 0): mean 1/2, squares 1/4 + 1/4 by E - 1 = 1: 1/2; (3/4, 1/4): 1/8; their mean, negative: -5/16
    probs = torch.tensor([[1.0, 0.0], [0.75, 0.25]])
    assert Variance(sizes(experts=2))(step_of(probs_BE=probs)).item() == pytest.approx(-5 / 16)


def test_bounds(sizes, step_of):
    assert Variance(sizes())(step_of(probs_BE=torch.full((7, 5), 0.2))).item() == pytest.approx(0, abs=1e-12)
    # one sure expert of five: (16/25 + 4/25) / 4 = 1/5
    sure = torch.eye(5)
    assert Variance(sizes())(step_of(probs_BE=sure)).item() == pytest.approx(-1 / 5)
