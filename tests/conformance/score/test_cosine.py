"""arXiv:2204.09179: z_e = cos(h W, m_e) / tau."""

import pytest
import torch

from moe_lab.layers.noise import seeded
from moe_lab.parts.gates.score.cosine import Cosine
from moe_lab.parts.networks.mlp import Mlp


@pytest.mark.parametrize("learn_tau", [True, False])
def test_scores_are_angles_over_tau(sizes, draw, noise, learn_tau):
    # with few hidden units a sample can have none that is active, and then it has no angle
    with seeded(0, "cosine"):
        body = Mlp(sizes(), hidden=(32,))
    score, x = Cosine(sizes(), body=body, projection=3, tau=0.25, learn_tau=learn_tau), draw(7, 12)
    scores, h = score(x, None, noise), score.body(x).clamp(min=0) @ score.project.weight_IO
    for b in range(7):
        for e in range(5):
            m = score.m_EH[e]
            cosine = (h[b] * m).sum() / ((h[b] ** 2).sum() * (m**2).sum()).sqrt()
            torch.testing.assert_close(scores[b, e], cosine / 0.25)
    assert ("log_tau_11" in dict(score.named_parameters())) == learn_tau


def test_the_length_of_an_experts_vector_does_not_count(sizes, draw, noise):
    score, x = Cosine(sizes(), body=Mlp(sizes())), draw(7, 12)
    before = score(x, None, noise)
    score.m_EH.data *= torch.tensor([[1.0], [2], [3], [1e3], [1e-3]])
    torch.testing.assert_close(score(x, None, noise), before)


def test_input_without_features_scores_zero_and_finite(sizes, noise):
    score = Cosine(sizes(), body=Mlp(sizes()))
    for parameter in score.body.parameters():
        parameter.data.zero_()
    scores = score(torch.zeros(2, 12), None, noise)
    scores.sum().backward()
    assert torch.equal(scores, torch.zeros(2, 5))
    assert all(parameter.grad.isfinite().all() for parameter in score.parameters())
