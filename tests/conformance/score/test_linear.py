import torch

from moe_lab.parts.gates.score.linear import Linear


def test_scores_are_an_affine_map(sizes, draw, noise):
    score, x = Linear(sizes()), draw(7, 12)
    torch.testing.assert_close(score(x, None, noise), x @ score.head.weight_IO + score.head.bias_1O)
    assert not score.reads_experts


def test_zero_initialized_scores_are_zero(sizes, draw, noise):
    assert torch.equal(Linear(sizes(), init="zero")(draw(7, 12), None, noise), torch.zeros(7, 5))
