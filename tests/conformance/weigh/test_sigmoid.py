import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.gates.weigh.sigmoid import Sigmoid

#: sigmoid = .8 .5 .2 .1 .4, sum 2
S = torch.tensor([[0.8, 0.5, 0.2, 0.1, 0.4]])
SELECTED = torch.tensor([[True, False, True, False, False]])


def test_the_sigmoid_where_selected(sizes):
    weigh = Sigmoid(sizes(k=2))
    probs, weights, log_weights = weigh(S.logit(), SELECTED)
    torch.testing.assert_close(weights, torch.tensor([[0.8, 0, 0.2, 0, 0]]))
    torch.testing.assert_close(probs, S / 2)
    assert log_weights is None and not weigh.rows_sum_to_one


def test_renormalized_over_the_selected(sizes):
    weigh = Sigmoid(sizes(k=2), renormalize=True)
    probs, weights, log_weights = weigh(S.logit(), torch.tensor([[True, False, False, False, True]]))
    torch.testing.assert_close(weights, torch.tensor([[2 / 3, 0, 0, 0, 1 / 3]]))  # .8 and .4 of 1.2
    torch.testing.assert_close(log_weights.exp(), weights)
    torch.testing.assert_close(probs, S / 2)
    assert weigh.rows_sum_to_one


def test_scaled(sizes):
    selected = torch.tensor([[True, False, False, False, True]])
    # .8 and .4 times 2.5; renormalized 2/3 and 1/3 times 2.5, whose rows sum to 2.5
    for renormalize, expected in ((False, [2.0, 1.0]), (True, [5 / 3, 5 / 6])):
        weigh = Sigmoid(sizes(k=2), renormalize=renormalize, scale=2.5)
        probs, weights, log_weights = weigh(S.logit(), selected)
        torch.testing.assert_close(weights, torch.tensor([[expected[0], 0, 0, 0, expected[1]]]))
        torch.testing.assert_close(probs, S / 2)
        assert log_weights is None and not weigh.rows_sum_to_one


def test_null_renormalizes_two_experts_and_not_one(sizes):
    for k in (1, 2):
        weigh = Sigmoid(sizes(k=k), renormalize=None)
        assert weigh.rows_sum_to_one == (k == 2) and weigh.resolved == {"renormalize": k == 2}


def test_saturated_scores_stay_exact_in_log_space(sizes):
    # sigmoid(-200) and sigmoid(-201) are zero in float32; their ratio is e
    logits = torch.tensor([[-200.0, -201.0, -300.0, -300.0, -300.0]], requires_grad=True)
    selected = torch.tensor([[True, True, False, False, False]])
    probs, weights, _ = Sigmoid(sizes(k=2), renormalize=True)(logits, selected)
    torch.testing.assert_close(weights[0, :2], torch.tensor([1.0, 0.0]).softmax(-1))
    torch.testing.assert_close(probs.sum(-1), torch.ones(1))
    weights[0, 0].backward()
    assert logits.grad[0, 0] > 0 and logits.grad.isfinite().all()


def test_a_row_without_any_expert_is_zero(sizes):
    logits = S.logit().requires_grad_()
    _, weights, _ = Sigmoid(sizes(k=2), renormalize=True)(logits, torch.zeros_like(SELECTED))
    weights.sum().backward()
    assert torch.equal(weights, torch.zeros(1, 5)) and torch.equal(logits.grad, torch.zeros(1, 5))


def test_one_renormalized_expert_is_refused(sizes):
    with pytest.raises(ConfigError, match="no gradient"):
        Sigmoid(sizes(k=1), renormalize=True)
