"""arXiv:2408.15664: the k largest of s + b."""

import pytest
import torch

from moe_lab.parts.gates.select.biased_top_k import BiasedTopK
from moe_lab.parts.roles import Sizes

#: sigmoid = .9 .8 .7 .6 .1
LOGITS = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.1]]).logit()


@pytest.mark.parametrize("score", ["sigmoid", "softmax"])
def test_without_a_bias_the_k_largest_logits(draw, noise, score):
    logits = draw(50, 5)
    part = BiasedTopK(Sizes((2,), 4, 5, 2), score=score)
    assert torch.equal(part(logits, noise), torch.zeros(50, 5).scatter(-1, logits.topk(2).indices, 1).bool())


def test_the_bias_decides_who_is_selected(noise):
    part = BiasedTopK(Sizes((2,), 4, 5, 2))
    part.selection_bias_1E.copy_(torch.tensor([[0.0, -0.15, 0.0, 0.15, 0.5]]))
    # s + b = .9 .65 .7 .75 .6
    assert part(LOGITS, noise).tolist() == [[True, False, False, True, False]]


def test_the_softmax_is_biased_on_its_own_scale(noise):
    part = BiasedTopK(Sizes((2,), 4, 3, 1), score="softmax")
    part.selection_bias_1E.copy_(torch.tensor([[0.0, 0.25, 0.0]]))
    # p + b = .5 .55 .2, and .6 .5 .15
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.25, 0.15]]).log()
    assert part(logits, noise).tolist() == [[False, True, False], [True, False, False]]


def test_the_bias_is_no_parameter():
    part = BiasedTopK(Sizes((2,), 4, 5, 2))
    assert not list(part.parameters()) and part.selection_bias_1E.shape == (1, 5)
