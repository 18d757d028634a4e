"""alpha-entmax against its definition: tau by SciPy's root finding, the optimum by the KKT conditions, the Jacobian."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from moe_lab.errors import ConfigError
from moe_lab.parts.gates.weigh.entmax import Entmax
from moe_lab.parts.gates.weigh.softmax import Softmax
from moe_lab.parts.roles import Sizes


def entmax(scores, alpha, **options):
    scores = torch.as_tensor(scores)
    experts = scores.shape[-1]
    weigh = Entmax(Sizes((2,), 3, experts, experts), alpha=alpha, **options).to(scores.dtype)
    return weigh(scores, torch.ones_like(scores, dtype=torch.bool))


def oracle(scores, alpha):
    """p of one row: tau where [(alpha - 1) z - tau]_+^(1 / (alpha - 1)) sums to one. Options are float32 numbers, and
    near alpha = 1 the exponent is that of the number held: 1.05 is .05 only to 5e-7 of itself."""
    alpha = float(np.float32(alpha))

    def p(tau):
        return np.maximum((alpha - 1) * scores - tau, 0) ** (1 / (alpha - 1))

    top = (alpha - 1) * scores.max()
    return p(brentq(lambda tau: p(tau).sum() - 1, top - 1, top, xtol=1e-15))


def test_by_hand():
    # alpha = 1.5: p = (z / 2 - tau)^2; z / 2 = (1, .6, -3), tau = .0944..: see (1 - t)^2 + (.6 - t)^2 = 1
    tau = (1.6 - np.sqrt(1.6**2 - 2 * 0.36)) / 2
    expected = torch.tensor([[(1 - tau) ** 2, (0.6 - tau) ** 2, 0.0]])
    torch.testing.assert_close(entmax([[2.0, 1.2, -6.0]], 1.5)[1], expected.float())


@given(
    st.lists(st.floats(-20, 20), min_size=2, max_size=8), st.sampled_from([1.05, 1.25, 1.5, 2.0, 3.0]), st.booleans()
)
@settings(deadline=None, max_examples=100)
def test_it_is_its_definition(scores, alpha, double):
    dtype, tolerance = (torch.float64, 1e-9) if double else (torch.float32, 2e-5)
    _, weights, log_weights = entmax(torch.tensor([scores], dtype=dtype), alpha)
    np.testing.assert_allclose(
        weights[0], oracle(torch.tensor(scores, dtype=dtype).double().numpy(), alpha), atol=tolerance
    )
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, dtype=dtype))
    assert torch.equal(weights > 0, log_weights > -torch.inf)


@pytest.mark.parametrize("alpha", [1.25, 1.5, 2.0])
def test_the_jacobian(alpha):
    """diag(s) - s s' / sum s with s = p^(2 - alpha) on the support, 0 off it."""
    scores = torch.tensor([[0.3, 0.1, -0.2, -5.0]], dtype=torch.float64)
    p = entmax(scores, alpha)[1][0]
    s = torch.where(p > 0, p ** (2 - alpha), 0.0)
    jacobian = torch.autograd.functional.jacobian(lambda z: entmax(z, alpha)[1], scores)[0, :, 0]
    torch.testing.assert_close(jacobian, s.diag() - s.outer(s) / s.sum())
    assert torch.autograd.gradcheck(lambda z: entmax(z, alpha)[1], scores.requires_grad_(), eps=1e-7, atol=1e-4)


def test_near_one_it_is_softmax(draw):
    scores = draw(7, 5).double()
    torch.testing.assert_close(entmax(scores, 1.01)[1], scores.softmax(-1), atol=0.01, rtol=0)


def test_temperature_divides_the_scores(draw):
    scores = draw(7, 5)
    torch.testing.assert_close(entmax(scores, 1.5, temperature=2.0)[1], entmax(scores / 2, 1.5)[1])


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e12])
def test_saturated_scores_and_empty_rows_are_finite(draw, scale, sizes):
    scores = (draw(7, 5) * scale).requires_grad_()
    selected = torch.zeros(7, 5, dtype=torch.bool)
    selected[1:, :2] = True
    for k, chosen in ((5, torch.ones_like(selected)), (2, selected)):
        weigh = Entmax(sizes(k=k))
        probs, weights, log_weights = weigh(scores, chosen)
        torch.testing.assert_close(weights.sum(-1), chosen.any(-1).float())
        (probs.square().sum() + weights.square().sum()).backward()
        assert scores.grad.isfinite().all() and not log_weights.isnan().any()


def test_over_the_selected_and_over_all(sizes):
    scores = torch.tensor([[1.0, 0.8, 0.6, -4.0, -9.0]])
    selected = torch.tensor([[True, False, True, False, False]])
    over_selected = Entmax(sizes(k=2), alpha=2.0)
    # 1 - tau + .6 - tau = 1: tau = .3
    torch.testing.assert_close(over_selected(scores, selected)[1], torch.tensor([[0.7, 0, 0.3, 0, 0]]))
    assert over_selected.rows_sum_to_one
    over_all = Entmax(sizes(k=2), alpha=2.0, over="all")
    # 3 experts: 2.4 - 3 tau = 1, tau = 1.4 / 3
    torch.testing.assert_close(over_all(scores, selected)[1], torch.tensor([[1 - 1.4 / 3, 0, 0.6 - 1.4 / 3, 0, 0]]))
    assert not over_all.rows_sum_to_one and over_all(scores, selected)[2] is None
    with pytest.raises(ConfigError, match="no gradient"):
        Entmax(sizes(k=1), over="selected")


def test_no_gradient_where_the_weight_is_zero(sizes):
    scores = torch.tensor([[1.0, 0.9, -4.0]], requires_grad=True)
    _, weights, log_weights = Entmax(sizes(experts=3, k=3), alpha=2.0)(scores, torch.ones(1, 3, dtype=torch.bool))
    # something that is infinite where a weight is zero does not come through
    (torch.special.entr(weights).sum() + log_weights[:, :2].sum()).backward()
    assert scores.grad.isfinite().all() and scores.grad[0, 2] == 0 and weights[0, 2] == 0


def test_softmax_is_its_kin(draw, sizes):
    """The steps around the projection are the same."""
    scores, selected = draw(7, 5), draw(7, 5) > 0
    for options in ({"over": "all"}, {}):
        sparse = Entmax(sizes(k=2), alpha=1.01, **options)(scores, selected)[1]
        torch.testing.assert_close(sparse, Softmax(sizes(k=2), **options)(scores, selected)[1], atol=0.02, rtol=0)
