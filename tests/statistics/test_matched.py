import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.statistics import matched_pairs


def test_by_hand():
    # 1.0 could go with 1.05 or .95; 1.1 with 1.05 alone: two pairs, not the closest one
    assert matched_pairs([1.0, 1.1], [1.05, 0.95], 0.05 + 1e-9) == [(0, 1), (1, 0)]
    assert matched_pairs([1.0, 2.0], [1.5], 0.1) == []
    assert matched_pairs([], [1.0], 0.1) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_as_many_pairs_as_there_can_be_and_the_closest(ours, theirs):
    """Against all assignments."""
    found = matched_pairs(ours, theirs, 2)
    short, long = sorted((ours, theirs), key=len)
    best = min(
        (-sum(one <= 2 for one in apart), sum(one for one in apart if one <= 2))
        for order in itertools.permutations(long, len(short))
        for apart in [np.abs(np.subtract(short, order))]
    )
    apart = [abs(ours[one] - theirs[other]) for one, other in found]
    assert (-len(apart), sum(apart)) == best
    assert len({one for one, _ in found}) == len({other for _, other in found}) == len(found)
    assert max(apart, default=0) <= 2
