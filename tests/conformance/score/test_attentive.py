"""arXiv:2302.14703: s_e = q . k_e / sqrt(H), q = W_q h_g, k_e = W_k h_e."""

import math

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.gates.score.attentive import Attentive
from moe_lab.parts.networks.mlp import Mlp
from moe_lab.routing.outputs import ExpertOutput


@pytest.mark.parametrize("query", ["pre", "post"])
@pytest.mark.parametrize("key", ["pre", "post"])
def test_scores_are_scaled_products_of_query_and_keys(sizes, draw, noise, query, key):
    score = Attentive(sizes(), body=Mlp(sizes(), hidden=(8, 9)), query=query, key=key)
    x, hidden = draw(7, 12), draw(7, 5, 6)
    scores = score(x, ExpertOutput(None, hidden), noise)
    for b in range(7):
        h_g = score.body(x[b : b + 1])[0]
        q = (h_g.relu() if query == "post" else h_g) @ score.query.weight_IO
        for e in range(5):
            h_e = hidden[b, e].relu() if key == "post" else hidden[b, e]
            k = h_e @ score.key.weight_IO
            torch.testing.assert_close(scores[b, e], (q * k).sum() / math.sqrt(6))


def test_two_square_matrices_more_than_the_body(sizes):
    score = Attentive(sizes(), body=Mlp(sizes(), hidden=(8, 6)))
    # body 12 * 8 + 8 and 8 * 6 + 6, then 2 H^2 without biases
    assert sum(p.numel() for p in score.parameters()) == 104 + 54 + 2 * 36


def test_the_loss_reaches_the_experts_through_their_keys(sizes, draw, noise):
    hidden = draw(7, 5, 6).requires_grad_()
    score = Attentive(sizes(), body=Mlp(sizes()))
    assert score.reads_experts
    score(draw(7, 12), ExpertOutput(None, hidden), noise).softmax(-1)[:, 0].sum().backward()
    assert (hidden.grad.abs().sum((0, 2)) > 0).all()


def test_experts_without_a_hidden_layer_are_refused(sizes):
    with pytest.raises(ConfigError, match="hidden layer"):
        Attentive(sizes(hidden=None), body=Mlp(sizes()))


def test_one_sample_and_one_expert(sizes, draw, noise):
    score = Attentive(sizes(experts=1, k=1), body=Mlp(sizes()))
    assert score(draw(1, 12), ExpertOutput(None, draw(1, 1, 6)), noise).shape == (1, 1)
