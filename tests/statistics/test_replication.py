import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_lab.statistics import Published, best_of, direction_verdict, effect_verdict, level_verdict

OURS = [0.030, 0.032, 0.034, 0.036, 0.038]


def test_the_intervals_are_welchs():
    theirs = np.array([0.041, 0.043, 0.040, 0.046])
    found = level_verdict(OURS, Published(theirs.mean(), theirs.std(ddof=1), 4))
    test = stats.ttest_ind(OURS, theirs, equal_var=False)
    outer, inner = test.confidence_interval(0.95), test.confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx((outer.low, outer.high))
    assert (found.inner_low, found.inner_high) == pytest.approx((inner.low, inner.high))
    assert found.difference == pytest.approx(np.mean(OURS) - theirs.mean())
    assert found.word == "different" and "excludes 0" in found.reason


def test_equivalent_is_two_one_sided_tests():
    theirs = np.array([0.041, 0.043, 0.040, 0.046])
    printed = Published(theirs.mean(), theirs.std(ddof=1), 4)
    below = stats.ttest_ind(np.array(OURS), theirs - 0.02, equal_var=False, alternative="greater").pvalue
    above = stats.ttest_ind(np.array(OURS), theirs + 0.02, equal_var=False, alternative="less").pvalue
    assert max(below, above) < 0.05 and level_verdict(OURS, printed, 0.02).word == "equivalent"
    # the 90 % interval ends at -.0128: with a margin of .0125 the lower test is not passed
    assert stats.ttest_ind(np.array(OURS), theirs - 0.011, equal_var=False, alternative="greater").pvalue > 0.05
    assert level_verdict(OURS, printed, 0.011).word == "different"


def test_a_difference_within_the_margin_is_equivalent_even_if_it_is_beyond_chance():
    exact = [0.0340, 0.0341, 0.0342]
    assert level_verdict(exact, Published(0.036, 0.0001, 10)).word == "different"
    assert level_verdict(exact, Published(0.036, 0.0001, 10), 0.005).word == "equivalent"


def test_noise_is_not_rewarded():
    """Under the rule of before, two runs at .02 and .30 reproduced .04 +- .009, and four at .049 to .051 did not."""
    printed = Published(0.04, 0.009, 10)
    assert level_verdict([0.02, 0.30], printed, 0.005).word == "inconclusive"
    assert level_verdict([0.049, 0.050, 0.051, 0.050], printed, 0.005).word == "different"


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_a_true_gap_is_seldom_called_equivalent(n):
    """A gap of one sd, which is two margins: the two one-sided tests call at most 5 % equivalent, at any n."""
    rng = np.random.default_rng(n)
    words = []
    for _ in range(300):
        theirs = rng.normal(0.0, 0.01, 10)
        printed = Published(theirs.mean(), theirs.std(ddof=1), 10)
        words.append(level_verdict(rng.normal(0.01, 0.01, n), printed, 0.005).word)
    # of 300 at 5 %: 15 expected, more than 27 has probability .001
    assert words.count("equivalent") <= 27
    # and different more often with more runs: the power of Welch's test for one sd is .56 at n = 10 of each
    assert words.count("different") >= {2: 0, 3: 20, 5: 50, 10: 140}[n]


def test_inconclusive_says_how_many_runs_would_do():
    ours, printed = [0.030, 0.040, 0.050], Published(0.041, 0.001, 200)
    found = level_verdict(ours, printed, 0.005)
    # theirs has hardly any spread: -.001 - t_(n-1)(.95) .01 / sqrt n >= -.005 needs sqrt n / t >= 2.5. At n = 18
    # sqrt 18 / 1.740 = 2.439, at n = 19 sqrt 19 / 1.734 = 2.514
    assert found.word == "inconclusive" and found.reason.startswith("19 runs of ours would do")
    wide = level_verdict(ours, Published(0.041, 0.1, 10), 0.005)
    assert wide.reason == "1000 runs of ours would not do: the published spread is too wide"
    assert "no margin was set" in level_verdict(ours, Published(0.041, 0.1, 10)).reason


@pytest.mark.parametrize(
    ("ours", "theirs"), [([0.03], Published(0.03, 0.01, 5)), (OURS, Published(0.03)), (OURS, Published(0.03, 0.01, 1))]
)
def test_without_a_spread_nothing_is_compared(ours, theirs):
    assert level_verdict(ours, theirs, 1.0).word == "not comparable"
    assert effect_verdict(ours, theirs, Published(0.04, 0.01, 5), 1.0).word == "not comparable"


BASE, BELOW = Published(0.040, 0.001, 10), Published(0.030, 0.001, 10)


@pytest.mark.parametrize(
    ("ours", "word"),
    [
        ([-0.011, -0.009, -0.010, -0.0105, -0.0095], "equivalent"),
        ([-0.0021, -0.0019, -0.0020, -0.0022], "different"),
        ([0.0021, 0.0019, 0.0020, 0.0022], "different"),
        ([-0.02, 0.01, -0.010, -0.03], "inconclusive"),
    ],
)
def test_effects(ours, word):
    found = effect_verdict(ours, BELOW, BASE, 0.005)
    assert found.word == word
    # theirs is -.010, with a variance of 2 * .001^2 / 10
    assert found.difference == pytest.approx(np.mean(ours) + 0.010)


def test_the_effects_interval_is_welchs_of_three_means():
    ours = [-0.0021, -0.0019, -0.0020, -0.0022]
    found = effect_verdict(ours, BELOW, BASE)
    own, theirs = np.var(ours, ddof=1) / 4, 2 * 0.001**2 / 10
    df = (own + theirs) ** 2 / (own**2 / 3 + 2 * (theirs / 2) ** 2 / 9)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, df) * (own + theirs) ** 0.5)


def test_equal_numbers_on_both_sides():
    found = level_verdict([0.5, 0.5], Published(0.5, 0.0, 3), 0.01)
    assert (found.word, found.low, found.high) == ("equivalent", 0.0, 0.0)
    assert level_verdict([0.5, 0.5], Published(0.4, 0.0, 3), 0.01).word == "different"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(-1, 1), st.floats(0, 1), st.floats(0.01, 2))
def test_the_words_exclude_each_other_and_follow_their_intervals(ours, mean, sd, margin):
    found = level_verdict(ours, Published(mean, sd, 10), margin)
    inside = -margin <= found.inner_low and found.inner_high <= margin
    beyond = not found.low <= 0 <= found.high
    assert found.word == ("equivalent" if inside else "different" if beyond else "inconclusive")
    mirrored = level_verdict([-one for one in ours], Published(-mean, sd, 10), margin)
    assert mirrored.word == found.word


def test_directions():
    """Of six differences of one sign p is 2 / 2^6 = .03125, of five .0625; of two directions six need 2 * .03125."""
    fell = [-0.11, -0.10, -0.09, -0.12, -0.10, -0.08]
    assert direction_verdict(fell, -0.08).word == "holds"
    assert direction_verdict(fell, 0.08).word == "reversed"
    assert direction_verdict(fell, -0.08).difference == pytest.approx(-0.02)
    few = direction_verdict(fell[:5], -0.08)
    assert (few.word, few.reason) == ("inconclusive", "1 direction needs at least 6 seeds")
    assert direction_verdict(fell, -0.08, family=2).reason == "2 directions need at least 7 seeds"
    mixed = direction_verdict([*fell[:5], 0.5], -0.08)
    assert mixed.word == "inconclusive" and "may be chance" in mixed.reason
    assert direction_verdict(fell, 0.0).word == "not comparable"


def test_best_of_takes_their_selection():
    rng = np.random.default_rng(8)
    training = rng.normal(0.02, 0.002, 80)
    test = training + 0.01
    # test error follows training error: the best of 10 is near the least of ours, and the mean lies far off
    near, far = float(np.sort(test)[4]), float(test.mean())
    best = best_of(training, test, near, 10)
    assert best.word == "inconclusive" and best.low <= 0 <= best.high
    assert best_of(training, test, near, 10, margin=0.005).word == "equivalent"
    assert best_of(training, test, far, 10).word == "different"
    # of one drawn run each, the range is that of all runs
    alone = best_of(training, test, 0.0, 1)
    assert (alone.low, alone.high) == pytest.approx(tuple(np.quantile(test, [0.025, 0.975])), abs=2e-4)
    with pytest.raises(ValueError, match="for each run"):
        best_of(training, test[:3], 0.03, 2)


def test_a_range_of_few_selected_runs_is_no_range():
    few = best_of([0.1] * 79, [0.1] * 79, 0.5, 10, margin=0.01)
    assert (few.word, few.reason) == ("inconclusive", "a best of 10 needs 80 runs of ours to be compared with")
    assert best_of([0.1], [0.1], 0.5, 1).word == "not comparable"
    assert best_of([0.1, math.nan] * 40, [0.1] * 80, 0.5, 10).reason.endswith("are not kept of ours")
    assert math.isclose(best_of([0.1] * 80, [0.1] * 80, 0.5, 10, margin=0.01).difference, -0.4)
