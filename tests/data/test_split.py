import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from moe_lab.data.split import random_order, stratified, take_counts


def test_counts_by_hand():
    # T = ceil(.2 x 16) = ceil(3.2) = 4; quotas 4 x (10, 4, 2) / 16 = 2.5, 1, .5; floors 2, 1, 0 leave one sample,
    # whose remainders tie at .5: the lower class gets it
    assert take_counts(np.array([10, 4, 2]), 0.2) == [3, 1, 0]


def test_counts_of_digits_by_hand():
    # T = ceil(359.4) = 360; 360 n / 1797 = 35.66 36.46 35.46 36.66 36.26 36.46 36.26 35.86 34.86 36.06; the floors sum
    # to 355; the five left go to .86 (7), .858 (8), .661 (3), .659 (0), .461 (1, tied with 5)
    sizes = np.array([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    assert take_counts(sizes, 0.2) == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]


def test_shares_are_taken_as_they_are_written():
    # .07 x 100 is 7.000000000000001 in floating point; its ceiling must be 7, not 8
    assert take_counts(np.array([100]), 0.07) == [7]


def test_every_class_keeps_a_sample():
    # T = ceil(.99 x 6) = 6 would take all; each class keeps one: 5 - 1 and 1 - 1
    assert take_counts(np.array([5, 1]), 0.99) == [4, 0]


def test_a_share_of_zero_takes_nothing():
    kept, taken = stratified(np.array([0, 1, 0, 1]), 0.0, 0, "validation")
    assert kept.tolist() == [0, 1, 2, 3]
    assert taken.tolist() == []


def test_a_class_without_samples_is_left_at_none():
    assert take_counts(np.array([4, 0, 4]), 0.5) == [2, 0, 2]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.3])
def test_counts_agree_with_scikit_learn(share):
    # scikit-learn breaks ties of the remainders at random: sizes are chosen so that there are none
    y_N = np.repeat([0, 1, 2], [53, 31, 17])
    _, taken = stratified(y_N, share, 0, "validation")
    _, theirs = next(StratifiedShuffleSplit(1, test_size=share, random_state=0).split(y_N, y_N))
    assert np.bincount(y_N[taken]).tolist() == np.bincount(y_N[theirs]).tolist()


labels = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)
shares = st.floats(0, 0.999)


@given(y_N=labels, share=shares, seed=st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_a_split_is_a_partition_that_keeps_every_class(y_N, share, seed):
    kept, taken = stratified(y_N, share, seed, "validation")
    assert np.array_equal(np.sort(np.concatenate([kept, taken])), np.arange(len(y_N)))
    assert set(y_N[kept]) == set(y_N)
    assert np.array_equal(kept, np.sort(kept)) and np.array_equal(taken, np.sort(taken))
    again = stratified(y_N, share, seed, "validation")
    assert np.array_equal(again[0], kept) and np.array_equal(again[1], taken)


@given(y_N=labels, share=shares)
@settings(deadline=None)
def test_each_class_gives_its_share_within_one_sample(y_N, share):
    _, taken = stratified(y_N, share, 0, "validation")
    size_C, taken_C = np.bincount(y_N), np.bincount(y_N[taken], minlength=y_N.max() + 1)
    # rounding T up adds less than one sample to a quota, and the remainder at most one more
    assert (taken_C <= share * size_C + 2).all()
    assert (taken_C >= np.minimum(np.floor(share * size_C), size_C - 1) - 1e-9).all()


def test_seed_and_name_each_change_the_draw():
    y_N = np.zeros(100, dtype=np.int64)
    draws = {tuple(stratified(y_N, 0.1, seed, name)[1]) for seed in (0, 1) for name in ("validation", "test")}
    assert len(draws) == 4


def test_the_order_is_frozen():
    # any other numbers would silently give every earlier run another validation split
    assert random_order(8, 0, "validation").tolist() == [6, 5, 2, 0, 1, 3, 4, 7]


def test_rows_of_a_class_are_drawn_evenly():
    # each of 10 rows is taken with probability 1/2: over 2000 seeds 1000 +- 22 times; five sd is 112
    y_N = np.zeros(10, dtype=np.int64)
    counts = np.zeros(10)
    for seed in range(2000):
        counts[stratified(y_N, 0.5, seed, "validation")[1]] += 1
    assert np.abs(counts - 1000).max() < 112
