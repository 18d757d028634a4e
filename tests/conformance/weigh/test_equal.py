import torch

from moe_lab.parts.gates.weigh.equal import Equal


def test_one_kth_each_and_no_gradient(sizes):
    logits = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    selected = torch.tensor([[False, True, True]])
    probs, weights, log_weights = Equal(sizes(experts=3, k=2))(logits, selected)
    assert weights.tolist() == [[0, 0.5, 0.5]] and not weights.requires_grad
    torch.testing.assert_close(log_weights, torch.tensor([[-torch.inf, 0.5, 0.5]]).log().where(selected, -torch.inf))
    torch.testing.assert_close(probs, logits.softmax(-1))


def test_a_row_without_an_expert_stays_empty(sizes):
    _, weights, _ = Equal(sizes(experts=3, k=2))(torch.zeros(1, 3), torch.zeros(1, 3, dtype=torch.bool))
    assert weights.tolist() == [[0, 0, 0]]


def test_such_a_gate_learns_from_its_scores_or_its_draw(gate_of):
    assert gate_of("matching_pursuit").learns_from == "scores" == gate_of("expert_loss").learns_from
    assert gate_of("stochastic").learns_from == "draw"
    assert gate_of("softmax").learns_from == "prediction" and gate_of("loudest").learns_from == "nothing"
