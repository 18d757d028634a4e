"""arXiv:2208.02813, section 3.2: h_e = sum_p theta_e . x_p, and noise uniform in [0, 1)."""

import torch

from moe_lab.parts.gates.score.patches import Patches


def test_scores_are_linear_in_the_sum_of_the_patches(sizes, draw, noise):
    score, x = Patches(sizes(), noise=0.0), draw(7, 12)
    assert torch.equal(score(x, None, noise), torch.zeros(7, 5))
    theta = draw(4, 5)
    score.head.weight_IO.data.copy_(theta)
    by_hand = sum(x[:, 4 * p : 4 * p + 4] @ theta for p in range(3))
    torch.testing.assert_close(score(x, None, noise), by_hand)


def test_noise_is_uniform_and_drawn_again(sizes, draw, noise):
    score, x = Patches(sizes(), noise=2.0), torch.zeros(20_000, 12)
    drawn = score(x, None, noise)
    assert drawn.min() >= 0 and drawn.max() < 2
    # mean 1, sd 2 / sqrt(12) = .577, of 100,000 numbers: within five standard errors
    torch.testing.assert_close(drawn.mean(), torch.tensor(1.0), atol=5 * 0.577 / 316, rtol=0)
    torch.testing.assert_close(drawn.std(), torch.tensor(0.5774), atol=0.005, rtol=0)
    assert not torch.equal(drawn, score(x, None, noise))


def test_at_test_there_is_none_unless_it_is_asked_for(sizes, noise):
    x = torch.zeros(7, 12)
    assert torch.equal(Patches(sizes()).eval()(x, None, noise), torch.zeros(7, 5))
    assert (Patches(sizes(), noise_at_test=True).eval()(x, None, noise) > 0).any()
