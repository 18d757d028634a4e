import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.parts.gates.select.top_k import TopK
from moe_lab.parts.roles import Sizes


def select(logits, k):
    return TopK(Sizes((2,), 3, logits.shape[-1], k))(logits, None)


def test_the_k_largest_by_hand():
    logits = torch.tensor([[0.1, 2.0, -1.0, 0.5], [3.0, 2.0, 1.0, 0.0]])
    assert select(logits, 2).tolist() == [[False, True, False, True], [True, True, False, False]]
    assert select(logits, 1).tolist() == [[False, True, False, False], [True, False, False, False]]


def test_of_equal_logits_the_lower_index():
    assert select(torch.zeros(1, 5), 2).tolist() == [[True, True, False, False, False]]
    assert select(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), 2).tolist() == [[True, True, False, False]]


def test_a_bias_decides_who_is_selected():
    # 0.1 + 2 = 2.1 and 0.5 + 2 = 2.5 pass 2.0 and 1.0
    part = TopK(Sizes((2,), 3, 4, 2))
    assert "selection_bias_1E" not in part.state_dict()
    part.selection_bias_1E.copy_(torch.tensor([[2.0, 0.0, 0.0, 2.0]]))
    assert part(torch.tensor([[0.1, 2.0, 1.0, 0.5]]), None).tolist() == [[True, False, False, True]]


def test_k_of_all_experts_selects_every_one():
    assert select(torch.randn(3, 4), 4).all()


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_counts_are_k_and_experts_permute(experts, k, seed):
    k = min(k, experts)
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, experts, generator=draw)
    chosen = select(logits, k)
    assert (chosen.sum(-1) == k).all()
    order = torch.randperm(experts, generator=draw)
    assert torch.equal(select(logits[:, order], k), chosen[:, order])
