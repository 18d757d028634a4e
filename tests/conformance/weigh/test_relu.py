import torch

from moe_lab.parts.gates.weigh.relu import Relu


def test_positive_scores_are_the_weights(sizes):
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0, -3.0]])
    probs, weights, log_weights = Relu(sizes())(logits, torch.ones(1, 5, dtype=torch.bool))
    assert weights.tolist() == [[2.0, 0, 0.5, 0, 0]] and log_weights is None
    torch.testing.assert_close(probs, logits.softmax(-1))


def test_only_selected_experts_have_weight(sizes):
    logits = torch.tensor([[2.0, 1.0, 0.5, 0.0, -3.0]])
    selected = torch.tensor([[True, False, False, False, True]])
    assert Relu(sizes(k=2))(logits, selected)[1].tolist() == [[2.0, 0, 0, 0, 0]]
