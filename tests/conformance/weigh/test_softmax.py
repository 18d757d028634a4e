import math

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.gates.weigh.softmax import Softmax

#: softmax = (1, 2, 5, 8, 4) / 20
LOGITS = torch.tensor([[1.0, 2.0, 5.0, 8.0, 4.0]]).log()
SELECTED = torch.tensor([[False, True, False, True, False]])
P = torch.tensor([[1.0, 2.0, 5.0, 8.0, 4.0]]) / 20


def test_every_expert(sizes):
    probs, weights, log_weights = Softmax(sizes(k=5))(LOGITS, torch.ones_like(SELECTED))
    torch.testing.assert_close(log_weights, P.log())
    torch.testing.assert_close(probs, P)
    torch.testing.assert_close(weights, P)


def test_two_experts_are_renormalized(sizes):
    weigh = Softmax(sizes(k=2))
    probs, weights, log_weights = weigh(LOGITS, SELECTED)
    torch.testing.assert_close(log_weights.exp(), weights)
    torch.testing.assert_close(probs, P)
    torch.testing.assert_close(weights, torch.tensor([[0, 0.2, 0, 0.8, 0]]))  # 2 and 8 of 10
    assert weigh.rows_sum_to_one


def test_two_experts_over_all_keep_p(sizes):
    weigh = Softmax(sizes(k=2), over="all")
    torch.testing.assert_close(weigh(LOGITS, SELECTED)[1], torch.tensor([[0, 0.1, 0, 0.4, 0]]))
    assert not weigh.rows_sum_to_one and weigh(LOGITS, SELECTED)[2] is None


def test_one_expert_keeps_p_of_the_full_softmax(sizes):
    weigh = Softmax(sizes(k=1))
    only = torch.tensor([[False, False, False, True, False]])
    torch.testing.assert_close(weigh(LOGITS, only)[1], torch.tensor([[0, 0, 0, 0.4, 0]]))
    assert not weigh.rows_sum_to_one


def test_one_renormalized_expert_is_refused(sizes):
    with pytest.raises(ConfigError, match="no gradient"):
        Softmax(sizes(k=1), over="selected")


def test_temperature(sizes):
    # T = 2: square roots of 1, 2, 5, 8, 4
    roots = torch.tensor([[1.0, math.sqrt(2), math.sqrt(5), math.sqrt(8), 2.0]])
    probs, _, _ = Softmax(sizes(k=5), temperature=2.0)(LOGITS, torch.ones_like(SELECTED))
    torch.testing.assert_close(probs, roots / roots.sum())
    # over the two selected: sqrt 2 and sqrt 8 of 3 sqrt 2, so a third and two thirds
    _, weights, _ = Softmax(sizes(k=2), temperature=2.0)(LOGITS, SELECTED)
    torch.testing.assert_close(weights, torch.tensor([[0, 1 / 3, 0, 2 / 3, 0]]))
