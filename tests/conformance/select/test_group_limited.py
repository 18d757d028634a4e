"""arXiv:2412.19437, section 2.1.2: the k largest of s + b in the groups of the largest sums of two."""

import numpy as np
import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.gates.select.biased_top_k import BiasedTopK, GroupLimited
from moe_lab.parts.roles import Sizes

#: sigmoid of three groups of three: sums of two .9 + .2 = 1.1, .6 + .55 = 1.15 and .5 + .45 = .95
LOGITS = torch.tensor([[0.9, 0.2, 0.1, 0.6, 0.55, 0.5, 0.5, 0.45, 0.4]]).logit()


def selected(part, logits):
    return [row.nonzero().flatten().tolist() for row in part(logits, None)]


def sizes(experts, k):
    return Sizes((2,), 4, experts, k)


def test_the_largest_sum_of_two_wins_over_the_largest_score():
    # of the second group .6 and .55, though .9 is the largest score
    assert selected(GroupLimited(sizes(9, 2), groups=3, top_groups=1), LOGITS) == [[3, 4]]
    # of the second and the first: .9 and .6
    assert selected(GroupLimited(sizes(9, 2), groups=3, top_groups=2), LOGITS) == [[0, 3]]


@pytest.mark.parametrize(
    ("k", "best", "chosen"), [(2, 1, [0, 1]), (1, None, [0]), (2, None, [3, 4]), (3, None, [3, 4, 5])]
)
def test_how_many_of_a_group_count(k, best, chosen):
    """One: .9 is the largest. k / top_groups: one of k = 1, two of k = 2; three of k = 3, .9 + .2 + .1 = 1.2 < 1.65."""
    assert selected(GroupLimited(sizes(9, k), groups=3, top_groups=1, best=best), LOGITS) == [chosen]
    # a half, rounded down, but at least one
    both = GroupLimited(sizes(9, 1), groups=3, top_groups=2, best=None)
    assert selected(both, LOGITS) == [[0]]


def test_the_bias_counts_for_the_group_and_within_it():
    part = GroupLimited(sizes(9, 2), groups=3, top_groups=1)
    # the third group: .5 + .45 + 2 * .15 = 1.25, and .55 for the last, which stays third
    part.selection_bias_1E.copy_(torch.tensor([[0.0, 0, 0, 0, 0, 0, 0.15, 0.15, 0.15]]))
    assert selected(part, LOGITS) == [[6, 7]]
    # the third group: .5 + .8 = 1.3; the bias of .4 takes the last before .45
    part.selection_bias_1E.copy_(torch.tensor([[0.0, 0, 0, 0, 0, 0, 0, 0, 0.4]]))
    assert selected(part, LOGITS) == [[6, 8]]


@pytest.mark.parametrize(("groups", "top_groups", "k"), [(2, 1, 3), (4, 2, 3), (4, 3, 6), (6, 4, 4), (12, 5, 5)])
def test_as_sorting_by_hand_has_it(draw, groups, top_groups, k):
    """In NumPy, sample by sample."""
    part, logits, bias = GroupLimited(sizes(12, k), groups=groups, top_groups=top_groups), draw(60, 12), draw(12) * 0.3
    part.selection_bias_1E.copy_(bias)
    chosen, size = selected(part, logits), 12 // groups
    for row, score in zip(chosen, (logits.sigmoid() + bias).numpy(), strict=True):
        sums = [np.sort(score[g * size : (g + 1) * size])[-2:].sum() for g in range(groups)]
        best = sorted(range(groups), key=lambda g: -sums[g])[:top_groups]
        within = [e for e in range(12) if e // size in best]
        assert row == sorted(sorted(within, key=lambda e: -score[e])[:k])


@pytest.mark.parametrize(("groups", "top_groups"), [(1, 1), (4, 4)])
def test_all_groups_are_biased_top_k(draw, groups, top_groups):
    part, other, logits = (
        GroupLimited(sizes(12, 3), groups=groups, top_groups=top_groups),
        BiasedTopK(sizes(12, 3)),
        draw(50, 12),
    )
    for one in (part, other):
        one.selection_bias_1E.copy_(draw(12) * 0 + torch.linspace(-0.3, 0.3, 12))
    assert torch.equal(part(logits, None), other(logits, None))


def test_sums_that_round_to_two_still_differ():
    # sigmoid is exactly 1 in float32 for all: of equal sums the larger logits, 19 + 19 against 30 + 17
    logits = torch.tensor([[19.0, 19.0, 30.0, 17.0], [18.0, 17.0, 17.0, 20.0]])
    part = GroupLimited(sizes(4, 2), groups=2, top_groups=1)
    assert selected(part, logits) == [[2, 3], [2, 3]]


def test_an_expert_that_is_not_there_counts_for_nothing():
    gone = -torch.inf
    part = GroupLimited(sizes(6, 2), groups=2, top_groups=1)
    # .9 alone against .5 + .3; then 0 experts against two; then three masked, where the other group fills up
    logits = torch.tensor([[0.9, 0.5, 0.5, 0.5, 0.3, 0.2]]).logit().repeat(3, 1)
    logits[0, 1:3] = logits[1, :3] = logits[2, 3:] = gone
    logits[2, 1:3] = gone
    logits[2, 3] = -3.0
    assert selected(part, logits) == [[0, 3], [3, 4], [0, 3]]


@pytest.mark.parametrize(
    ("experts", "k", "options", "why"),
    [
        (5, 2, {"groups": 2}, "groups=2 does not divide experts.count=5: take a divisor of it"),
        (6, 2, {"groups": 2, "top_groups": 3}, "top_groups=3 keeps more groups than gate.select.groups=2"),
        (6, 4, {"groups": 2}, "k=4 selects more than the 3 experts of gate.select.top_groups=1"),
    ],
)
def test_groups_that_cannot_be_are_refused(experts, k, options, why):
    with pytest.raises(ConfigError, match=why):
        GroupLimited(sizes(experts, k), **options)
