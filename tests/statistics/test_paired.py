import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_lab.statistics import (
    all_pairs,
    compare,
    difference_summary,
    equivalence_p,
    holm,
    seeds_needed,
    sign_flip_interval,
    sign_flip_p,
)


def test_by_hand():
    # |1 + 2 + 3| = 6: of the 8 patterns only +++ and --- reach it
    assert sign_flip_p([1, 2, 3]) == 2 / 8
    # |1 + 2 - 3| = 0: every pattern reaches it
    assert sign_flip_p([1, 2, -3]) == 1.0
    # |-1 + 2 + 3| = 4: +-(1+2+3) = 6 and +-(-1+2+3) = 4
    assert sign_flip_p([-1, 2, 3]) == 4 / 8
    assert sign_flip_p([0.0, 0.0]) == 1.0


def test_the_smallest_p_of_n_pairs():
    for n in (1, 5, 12):
        assert sign_flip_p([0.1] * n) == 2 / 2**n


def test_against_scipy():
    d = np.random.default_rng(4).normal(0.5, 1, 9)
    oracle = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(d) == pytest.approx(oracle.pvalue)


def test_many_pairs_are_sampled_with_a_seed():
    d = np.random.default_rng(5).normal(0.35, 1, 40)
    assert sign_flip_p(d) == sign_flip_p(d)
    # for 40 pairs the sign-flip test and the t test are nearly the same
    assert sign_flip_p(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, rel=0.15)
    assert sign_flip_p([0.1] * 40) == 1 / 100_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=9), st.sampled_from([-1.0, 0.1, 7.0]))
def test_order_sign_and_scale_do_not_matter(d, scale):
    p = sign_flip_p(d)
    assert 2 / 2 ** len(d) <= p <= 1
    assert sign_flip_p([scale * one for one in reversed(d)]) == p


def test_the_interval_by_hand():
    # 32 patterns of six signs (one held), of which .05 * 32 = 1.6 may be rejected: the identity alone, p = 2/64. The
    # next shifts that end being rejected are the least and the greatest difference themselves
    assert sign_flip_interval([1, 2, 3, 4, 5, 9]) == (1, 9)
    # of seven, .05 * 64 = 3.2: the fourth of -inf, 1, 1.5 = (1 + 2) / 2, 2, 2 = (1 + 3) / 2; from above 10, 8, 7.5
    assert sign_flip_interval([1, 2, 3, 4, 5, 6, 10]) == (2, 7.5)
    assert sign_flip_interval([0.1] * 6) == pytest.approx((0.1, 0.1))


def test_below_six_there_is_no_interval():
    for n in range(1, 6):
        assert sign_flip_interval([1.0] * n) is None
    found = difference_summary([1, 2, 3, 4, 5])
    assert (found.ends, found.method, found.mean) == (None, "needs 6 seeds", 3)
    # 68 % : one of four patterns of three signs may be rejected, 1 - .68 = .32 >= 2 / 8
    assert sign_flip_interval([1, 2, 4], 0.68) == (1, 4)
    with pytest.raises(ValueError, match="at least one"):
        sign_flip_interval([])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-40, 40), min_size=6, max_size=11), st.integers(-45, 45))
def test_the_interval_is_what_the_test_does_not_reject(d, shift):
    low, high = sign_flip_interval(d)
    assert (low <= shift <= high) == (sign_flip_p([one - shift for one in d]) > 0.05)
    assert low <= np.mean(d) <= high


def test_interval_and_test_agree_where_students_interval_contradicts_the_test():
    """All ten differences have one sign, so p is 2 / 2^10; one large one takes Student's interval beyond 0."""
    d = -np.array([0.05, 0.06, 0.07, 0.08, 0.1, 0.11, 0.12, 0.15, 0.2, 1.9])
    assert stats.ttest_1samp(d, 0).confidence_interval(0.95).high > 0 and sign_flip_p(d) == 2 / 2**10
    assert difference_summary(d).high < 0


def test_intervals_of_many_pairs_are_of_the_same_seeded_patterns():
    d = np.random.default_rng(9).normal(0.4, 1, 30)
    low, high = sign_flip_interval(d)
    for inside, outside in ((low + 1e-6, low - 1e-6), (high - 1e-6, high + 1e-6)):
        assert sign_flip_p(d - inside) > 0.05 >= sign_flip_p(d - outside)
    ends = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((ends.low, ends.high), abs=0.05)


def test_holm_by_hand():
    # sorted .01 x 3 = .03, .02 x 2 = .04, .03 x 1 = .03 -> .04
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    # what could not be tested counts in m: .01 x 3, .02 x 2
    assert holm([0.01, None, 0.02]) == [pytest.approx(0.03), None, pytest.approx(0.04)]
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_seeds_that_a_family_needs():
    # 2 / 2^n m <= .05: science.md's 6, 9 and 10
    assert [seeds_needed(m) for m in (1, 8, 16)] == [6, 9, 10]
    for m in range(1, 40):
        n = seeds_needed(m)
        assert 2 / 2**n * m <= 0.05 < 2 / 2 ** (n - 1) * m


def arm(shift, seeds):
    noise = dict(enumerate(np.random.default_rng(6).normal(0, 1, 12)))
    return {"error": {seed: noise[seed] + shift for seed in seeds}}


def test_arms_against_a_baseline():
    values = {"a": arm(0, range(7)), "b": arm(3, range(7)), "c": arm(0.5, range(4, 9)), "d": arm(1, [9])}
    b, c, d = compare(values, "a", ["error"])
    # differences of exactly 3 on seven seeds: p 2 / 2^7, the smallest of three: x 3
    assert (b.arm, b.n, b.family, b.needed) == ("b", 7, 3, 7)
    assert b.p == 2 / 128 and b.adjusted_p == pytest.approx(6 / 128) and b.sure and not b.too_few
    assert b.difference.mean == pytest.approx(3)
    # seeds 4, 5, 6 are shared
    assert c.n == 3 and c.too_few and c.p == 2 / 8 and not c.sure
    assert d.n == 0 and d.p is None and d.adjusted_p is None and d.too_few and not d.sure


def test_a_metric_without_values_stays_in_the_family():
    values = {"a": arm(0, range(8)), "b": arm(1, range(8)) | {"information": {}}}
    found = compare(values | {"a": values["a"] | {"information": {0: 1.0}}}, "a", ["error", "information"])
    assert [(one.metric, one.n, one.family) for one in found] == [("error", 8, 2), ("information", 0, 2)]
    assert found[0].adjusted_p == pytest.approx(2 * 2 / 2**8)


def test_a_metric_that_an_arm_cannot_have_is_no_comparison():
    """b is a dense network: only its error is compared, so the least p of 2 / 2^8 stays as it is."""
    values = {"a": arm(0, range(8)) | {"information": {0: 1.0}}, "b": arm(1, range(8))}
    [found] = compare(values, "a", ["error", "information"])
    assert (found.metric, found.family, found.needed) == ("error", 1, 6)
    assert found.adjusted_p == 2 / 2**8
    assert all_pairs([values], ["error", "information"]) == {("a", "b", "error"): 2 / 2**8}


def test_an_unknown_baseline():
    with pytest.raises(KeyError):
        compare({"a": arm(0, range(3))}, "b", ["error"])


def test_all_pairs_are_one_family():
    """Three arms make three pairs, of which Holm takes the smallest p three times."""
    one = dict.fromkeys(range(6), 0.0)
    values = {"a": {"m": one}, "b": {"m": {seed: 1.0 + seed for seed in one}}, "c": {"m": {0: 1.0, 1: -1.0}}}
    adjusted = all_pairs([values], ["m"])
    # a and b differ in one direction on six seeds: p = 2 / 64, times 3 pairs. a - c is -1 and 1: p = 1. b - c is 0 and
    # 3, of which all patterns of signs reach the sum: p = 1
    assert adjusted == {("a", "b", "m"): 3 * 2 / 64, ("a", "c", "m"): 1.0, ("b", "c", "m"): 1.0}
    # pairs of other groups are none, and yet all pairs are in one family
    others = {"d": {"m": one}, "e": {"m": {9: 1.0}}}
    adjusted = all_pairs([values, others], ["m"])
    assert adjusted["a", "b", "m"] == 4 * 2 / 64 and adjusted["d", "e", "m"] is None and len(adjusted) == 4


def test_equivalence_is_two_one_sided_sign_flip_tests():
    """Within +-1: d - 1 = -.9, -.8, -.7 and -d - 1 = -1.1, -1.2, -1.3 are all negative, and of 2^3 patterns one has as
    low a sum."""
    assert equivalence_p([0.1, 0.2, 0.3], 1.0) == 1 / 8
    # d - .25 = -.15, -.05, .05: patterns with a sum of at most -.15 are - - +, - - -, - + -: 3 of 8
    assert equivalence_p([0.1, 0.2, 0.3], 0.25) == 3 / 8
    # the mean is not within the margin
    assert equivalence_p([0.1, 0.2, 0.3], 0.1) == 1.0
    assert equivalence_p([-0.1, -0.2, -0.3], 0.25) == 3 / 8
    with pytest.raises(ValueError, match="at least one difference"):
        equivalence_p([], 1.0)
