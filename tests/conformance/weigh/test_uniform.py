import torch

from moe_lab.parts.gates.weigh.uniform import Uniform


def test_even_weights_over_the_selected(sizes):
    selected = torch.tensor([[True, False, True, False, False], [False, False, False, True, False], [False] * 5])
    probs, weights, log_weights = Uniform(sizes(k=2))(torch.zeros(3, 5), selected)
    assert weights.tolist() == [[0.5, 0, 0.5, 0, 0], [0, 0, 0, 1, 0], [0] * 5]
    torch.testing.assert_close(log_weights.exp(), weights)
    torch.testing.assert_close(probs[:2], weights[:2])
    torch.testing.assert_close(probs[2], torch.full((5,), 0.2))
