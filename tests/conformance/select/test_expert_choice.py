"""arXiv:2202.09368: every expert takes the C samples of the largest p, C = k N / E."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.parts.gates.select.expert_choice import ExpertChoice
from moe_lab.parts.roles import Sizes
from tests.conformance.cases import SelectCase

CASE = SelectCase(by_logit=False)


def select(logits, k):
    return ExpertChoice(Sizes((2,), 4, logits.shape[-1], k))(logits, None)


def test_by_hand():
    # p of three samples over two experts; k = 1: C = round(1 * 3 / 2) = 2 (1.5 rounds to even)
    p = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    assert select(p.log(), 1).tolist() == [[True, False], [True, True], [False, True]]


def test_p_is_compared_not_the_logit():
    # the second sample has the larger logits, but p = .5 .5 against .73 .27
    logits = torch.tensor([[1.0, 0.0], [9.0, 9.0]])
    assert select(logits, 1).tolist() == [[True, False], [False, True]]


def test_at_least_one_sample_and_of_equals_the_earlier():
    assert select(torch.zeros(2, 5), 1).sum(0).tolist() == [1] * 5
    assert select(torch.zeros(2, 5), 1)[0].all()


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_every_expert_gets_its_share(samples, experts, k, seed):
    k, source = min(k, experts), torch.Generator().manual_seed(seed)
    logits = torch.randn(samples, experts, generator=source)
    chosen = select(logits, k)
    assert (chosen.sum(0) == max(1, round(k * samples / experts))).all()
    order = torch.randperm(samples, generator=source)
    assert torch.equal(select(logits[order], k), chosen[order])
    # nobody who is left out has a larger p than somebody who is taken
    p = logits.softmax(-1)
    assert (p.masked_fill(~chosen, 2).amin(0) >= p.masked_fill(chosen, -1).amax(0)).all()
