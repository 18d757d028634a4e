import pytest
import torch

from moe_lab.parts.gates.score.network import Network
from moe_lab.parts.networks.mlp import Mlp


def test_scores_of_a_network_with_a_linear_head(sizes, draw, noise):
    score, x = Network(sizes(), body=Mlp(sizes(), hidden=(8, 7))), draw(7, 12)
    features = score.body(x).clamp(min=0)
    torch.testing.assert_close(score(x, None, noise), features @ score.head.weight_IO + score.head.bias_1O)
    # 12 * 8 + 8, 8 * 7 + 7 and 7 * 5 + 5
    assert sum(p.numel() for p in score.parameters()) == 104 + 63 + 40


@pytest.mark.parametrize("init", ["zero_head", "zero"])
def test_zero_initialized_gates_start_even(sizes, draw, noise, init):
    score, x = Network(sizes(), body=Mlp(sizes(), hidden=(8,)), init=init), draw(7, 12)
    scores = score(x, None, noise)
    assert torch.equal(scores, torch.zeros(7, 5))
    scores.log_softmax(-1)[:, 0].sum().backward()
    learns = {name for name, p in score.named_parameters() if p.grad.abs().sum() > 0}
    # an all-zero network passes no gradient but to its last bias
    assert learns == ({"head.bias_1O"} if init == "zero" else {"head.weight_IO", "head.bias_1O"})
    assert (score.body.layers.layers[0].weight_IO.abs().sum() == 0) == (init == "zero")
