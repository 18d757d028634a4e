import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_lab.statistics import compare, holm, seeds_needed, sign_flip_p


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


def test_a_metric_that_an_arm_lacks_stays_in_the_family():
    found = compare({"a": arm(0, range(8)), "b": arm(1, range(8))}, "a", ["error", "information"])
    assert [(one.metric, one.n, one.family) for one in found] == [("error", 8, 2), ("information", 0, 2)]
    assert found[0].adjusted_p == pytest.approx(2 * 2 / 2**8)


def test_an_unknown_baseline():
    with pytest.raises(KeyError):
        compare({"a": arm(0, range(3))}, "b", ["error"])
