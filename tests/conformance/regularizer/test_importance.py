import numpy as np
import pytest
import torch
from scipy.stats import variation

from moe_lab.parts.regularizers.importance import Importance
from tests.conformance.cases import Case

CASE = Case(
    structure=["regularizers.importance.correction=0"],
    numbers=["regularizers.importance.weight=0.4"],
    forms=[["regularizers.importance.correction=0"]],
)


def test_by_hand(sizes, step_of):
    # importances 3 and 1: mean 2, variance 2 (by E - 1) or 1 (by E), so CV^2 = 1/2 or 1/4
    weights = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    assert Importance(sizes(experts=2))(step_of(weights_BE=weights)).item() == pytest.approx(0.5)
    assert Importance(sizes(experts=2), correction=0)(step_of(weights_BE=weights)).item() == pytest.approx(0.25)


@pytest.mark.parametrize("correction", [0, 1])
def test_against_scipy(sizes, step_of, draw, correction):
    weights = draw(7, 5).softmax(-1)
    expected = variation(weights.numpy().sum(0), ddof=correction) ** 2
    value = Importance(sizes(), correction=correction)(step_of(weights_BE=weights))
    np.testing.assert_allclose(value.item(), expected, rtol=1e-5)


def test_zero_at_balance_and_weight_apart(sizes, step_of):
    regularizer = Importance(sizes(), weight=0.3)
    assert regularizer(step_of(weights_BE=torch.full((7, 5), 0.2))).item() == pytest.approx(0, abs=1e-12)
    assert regularizer.weight.item() == pytest.approx(0.3)


def test_biased_importance_is_e_times_the_squared_mean_weights_less_one(sizes, step_of, draw):
    weights = draw(7, 5).softmax(-1)
    identity = 5 * weights.mean(0).square().sum() - 1
    value = Importance(sizes(), correction=0)(step_of(weights_BE=weights))
    torch.testing.assert_close(value, identity)


def test_a_batch_that_no_expert_got_costs_nothing(sizes, step_of):
    weights = torch.zeros(7, 5, requires_grad=True)
    cost = Importance(sizes())(step_of(weights_BE=weights))
    cost.backward()
    assert cost.item() == 0 and weights.grad.isfinite().all()
