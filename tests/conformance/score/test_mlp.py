import torch

from moe_lab.gates.score.mlp import Mlp


def test_scores_of_a_network_with_one_hidden_layer(sizes, draw, noise):
    score, x = Mlp(sizes(), hidden=8), draw(7, 12)
    hidden = (x @ score.body.weight_IO + score.body.bias_1O).clamp(min=0)
    torch.testing.assert_close(score(x, None, noise), hidden @ score.head.weight_IO + score.head.bias_1O)
    # 12 * 8 + 8 and 8 * 5 + 5
    assert sum(p.numel() for p in score.parameters()) == 104 + 45
